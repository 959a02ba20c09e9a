-- Telemetry of one month, 18 rows an hour of each project, as a closer would have written it. $1 hours of which
-- the last is $2, of those the month that begins at $3; $4 and $5 a latency and a users sketch. For benchmarks/scale.py.
INSERT INTO telemetry (org_id, project_id, timestamp, metric_name, cohort, feature, id, metric_value, unit,
    numerator, denominator, sample_count, user_count, latency_sketch, users_sketch, positive_users_sketch,
    revision, is_final)
SELECT p.org_id, p.id, h.hour, m.name, c.name, 'F12', gen_random_uuid(), 50 + (m.number + c.number) % 40, m.unit,
    CASE WHEN m.unit = '%' THEN 1000 + m.number END, CASE WHEN m.unit = '%' THEN 2000 END, 2000,
    CASE WHEN m.users THEN 20 ELSE 0 END, CASE WHEN m.name = 'latency_p50' THEN $4::bytea END,
    CASE WHEN m.users THEN $5::bytea END, CASE WHEN m.users THEN $5::bytea END, 1, true
FROM generate_series(
        greatest($2::timestamptz - ($1::int - 1) * interval '1 hour', $3::timestamptz),
        least($2::timestamptz, ($3::timestamptz AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC'
              - interval '1 hour'),
        interval '1 hour') AS h (hour),
    project AS p,
    (VALUES (1, 'feature_usage', 'count', false), (2, 'retention', '%', true), (3, 'crash_rate', '%', false),
            (4, 'latency_p50', 'ms', false), (5, 'error_rate', '%', false), (6, 'user_adoption', '%', true))
        AS m (number, name, unit, users),
    (VALUES (1, 'early_adopter'), (2, 'mainstream'), (3, 'enterprise')) AS c (number, name)
ORDER BY h.hour, p.org_id
