-- Who is asking, and who belongs where: what every policy rests on.

CREATE SCHEMA auth;

CREATE TABLE auth.claims_key (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    inner_key bytea NOT NULL CHECK (octet_length(inner_key) = 64),
    outer_key bytea NOT NULL CHECK (octet_length(outer_key) = 64)
);

-- HMAC-SHA256 (RFC 2104) from core sha256(): a role that can run any SQL can set the claims, but not sign them.
CREATE FUNCTION auth.claims() RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    raw text := current_setting('request.jwt.claims', true);
    signature text := current_setting('request.jwt.signature', true);
    expected text;
    claims jsonb;
BEGIN
    IF raw IS NULL OR raw = '' THEN
        RETURN NULL;
    END IF;
    SELECT encode(sha256(k.outer_key || sha256(k.inner_key || convert_to(raw, 'UTF8'))), 'hex')
      INTO expected FROM auth.claims_key AS k;
    IF expected IS NULL OR signature IS DISTINCT FROM expected THEN
        RETURN NULL;
    END IF;
    claims := raw::jsonb;
    -- Without a db_exp they are old, not everlasting.
    IF (claims ->> 'db_exp')::double precision >= extract(epoch FROM clock_timestamp()) THEN
        RETURN claims;
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION auth.uid() RETURNS uuid
LANGUAGE sql STABLE SET search_path = '' AS $$ SELECT (auth.claims() ->> 'sub')::uuid $$;

CREATE FUNCTION auth.org_id() RETURNS uuid
LANGUAGE sql STABLE SET search_path = '' AS $$ SELECT (auth.claims() ->> 'org_id')::uuid $$;

CREATE FUNCTION auth.workspace_id() RETURNS uuid
LANGUAGE sql STABLE SET search_path = '' AS $$ SELECT (auth.claims() ->> 'workspace_id')::uuid $$;

CREATE FUNCTION auth.my_orgs() RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT coalesce(array_agg(m.org_id), '{}') FROM public.organization_members AS m
    WHERE m.user_id = auth.uid() AND m.removed_at IS NULL
$$;

CREATE FUNCTION auth.my_role() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT m.role_in_org FROM public.organization_members AS m
    WHERE m.org_id = auth.org_id() AND m.user_id = auth.uid() AND m.removed_at IS NULL
$$;

CREATE FUNCTION auth.org_users() RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT coalesce(array_agg(m.user_id), '{}') FROM public.organization_members AS m
    WHERE m.org_id = auth.org_id() AND m.org_id = ANY (auth.my_orgs())
$$;

-- The projects of the token's workspace.
CREATE FUNCTION auth.workspace_projects() RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT coalesce(array_agg(p.id), '{}') FROM public.project AS p
    WHERE p.org_id = auth.org_id() AND p.workspace_id = auth.workspace_id()
$$;

-- For the operator alone (`augentis init`): an organisation cannot be made by a member of it.
CREATE FUNCTION auth.create_organization(slug text, name text, email text, OUT org_id uuid, OUT user_id uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    made boolean;
BEGIN
    INSERT INTO public.organization (id, slug, name)
    VALUES (gen_random_uuid(), create_organization.slug, create_organization.name)
    ON CONFLICT ON CONSTRAINT uq_organization_slug DO NOTHING;
    made := FOUND;
    SELECT o.id INTO org_id FROM public.organization AS o WHERE o.slug = create_organization.slug;
    INSERT INTO public.app_user (id, email, full_name)
    VALUES (gen_random_uuid(), create_organization.email, left(create_organization.email, 100))
    ON CONFLICT DO NOTHING;
    SELECT u.id INTO user_id FROM public.app_user AS u
    WHERE lower(u.email) = lower(create_organization.email);
    IF made THEN
        INSERT INTO public.organization_members (org_id, user_id, role_in_org) VALUES (org_id, user_id, 'ADMIN');
    ELSIF NOT EXISTS (
        SELECT FROM public.organization_members AS m
        WHERE m.org_id = create_organization.org_id AND m.user_id = create_organization.user_id
          AND m.role_in_org = 'ADMIN' AND m.removed_at IS NULL
    ) THEN
        RAISE EXCEPTION 'organisation % exists and % is no admin of it', slug, email USING ERRCODE = '42501';
    END IF;
END
$$;

-- For the operator alone (`augentis apply`, `augentis token`): who a command acts as. A blank person is
-- the organisation's first admin.
CREATE FUNCTION auth.find_member(org text, person text)
RETURNS TABLE (org_id uuid, user_id uuid, email text, role_in_org text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT m.org_id, m.user_id, u.email, m.role_in_org
    FROM public.organization AS o
    JOIN public.organization_members AS m ON m.org_id = o.id AND m.removed_at IS NULL
    JOIN public.app_user AS u ON u.id = m.user_id
    WHERE (o.slug = org OR o.id::text = lower(org))
      AND CASE WHEN person = '' THEN m.role_in_org = 'ADMIN'
               ELSE lower(u.email) = lower(person) OR u.id::text = lower(person) END
    ORDER BY m.created_at, m.user_id
    LIMIT 1
$$;

-- Versions are the database's to give: gapless, whoever inserts at the same time.
CREATE FUNCTION public.assign_artifact_version() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(
        NEW.org_id::text || NEW.project_id::text || NEW.type || NEW.key, 0));
    SELECT coalesce(max(a.version), 0) + 1 INTO NEW.version FROM public.artifact AS a
    WHERE a.org_id = NEW.org_id AND a.project_id = NEW.project_id AND a.type = NEW.type AND a.key = NEW.key;
    RETURN NEW;
END
$$;
CREATE TRIGGER assign_artifact_version BEFORE INSERT ON public.artifact
FOR EACH ROW EXECUTE FUNCTION public.assign_artifact_version();

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA auth FROM PUBLIC;
REVOKE ALL ON FUNCTION public.assign_artifact_version() FROM PUBLIC;
GRANT USAGE ON SCHEMA auth TO augentis_api, augentis_member_reader, augentis_operator;
GRANT EXECUTE ON FUNCTION auth.claims(), auth.uid(), auth.org_id(), auth.workspace_id(), auth.my_orgs(),
    auth.my_role(), auth.org_users(), auth.workspace_projects() TO augentis_api, augentis_member_reader;
