-- Cumulative OTLP series: the last point of each hour, from which what an hour added follows.

CREATE TABLE otlp_series (
    org_id UUID NOT NULL,
    project_id UUID NOT NULL,
    series UUID NOT NULL,
    started_ns BIGINT NOT NULL,
    newest_hour TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_otlp_series PRIMARY KEY (org_id, project_id, series, started_ns)
)
 WITH (fillfactor = 80);

CREATE TABLE otlp_point (
    org_id UUID NOT NULL,
    project_id UUID NOT NULL,
    series UUID NOT NULL,
    started_ns BIGINT NOT NULL,
    hour TIMESTAMP WITH TIME ZONE NOT NULL,
    time_ns BIGINT NOT NULL,
    reading BYTEA NOT NULL,
    CONSTRAINT pk_otlp_point PRIMARY KEY (org_id, project_id, series, started_ns, hour)
)
 WITH (fillfactor = 70);
CREATE INDEX ix_otlp_point_hour ON otlp_point (org_id, project_id, hour);
