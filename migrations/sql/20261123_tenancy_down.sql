-- Back to the main job: what was written down under the new rules goes with their tables and columns.

DROP TRIGGER next_version ON organization;
DROP TRIGGER next_version ON workspace;
DROP TRIGGER next_version ON organization_members;
DROP TRIGGER next_version ON app_user;
DROP TRIGGER next_version ON machine_key;
DROP TRIGGER next_version ON project;
DROP TRIGGER limit_projects ON project;
DROP TRIGGER keep_an_admin ON organization_members;
DROP TRIGGER guard_artifact ON artifact;
DROP TRIGGER refuse_circles ON artifact_dependency;
DROP TABLE tag, project_access, invitation, idempotency_key;
DROP FUNCTION public.next_version(), public.next_project_version(), public.limit_projects(),
    public.keep_an_admin(), public.guard_artifact(), public.refuse_circles();

DROP POLICY member_reader_select ON organization;
DROP POLICY registrar_select ON organization;
DROP POLICY operator_update ON organization;
DROP POLICY registrar_select ON app_user;
DROP POLICY registrar_insert ON app_user;
DROP POLICY registrar_update ON app_user;
DROP POLICY registrar_select ON organization_members;
DROP POLICY registrar_insert ON organization_members;
DROP POLICY registrar_update ON organization_members;
DROP POLICY member_reader_select ON machine_key;
DROP POLICY registrar_select ON machine_key;
DROP POLICY registrar_update ON machine_key;
DROP POLICY worker_update ON machine_key;
REVOKE ALL ON organization FROM augentis_member_reader;
REVOKE UPDATE ON organization FROM augentis_operator;
REVOKE UPDATE (last_used_at) ON machine_key FROM augentis_worker;
REVOKE ALL ON machine_key FROM augentis_member_reader;
REVOKE ALL ON organization, app_user, organization_members, machine_key FROM augentis_registrar;

SET LOCAL row_security = on;
CREATE OR REPLACE FUNCTION auth.my_orgs() RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg(m.org_id), '{}') FROM public.organization_members AS m
    WHERE m.user_id = auth.uid() AND m.removed_at IS NULL
$$;
CREATE OR REPLACE FUNCTION auth.org_users() RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg(m.user_id), '{}') FROM public.organization_members AS m
    WHERE m.org_id = auth.org_id() AND m.org_id = ANY (auth.my_orgs())
$$;
CREATE FUNCTION auth.workspace_projects() RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg(p.id), '{}') FROM public.project AS p
    WHERE p.org_id = auth.org_id() AND p.workspace_id = auth.workspace_id()
$$;
REVOKE ALL ON FUNCTION auth.workspace_projects() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION auth.workspace_projects() TO augentis_api, augentis_member_reader;
SET LOCAL row_security = off;
DROP FUNCTION auth.set_tier(text, text), auth.accept_invitation(uuid), auth.my_invitations(),
    auth.my_memberships(), auth.sign_in(), auth.key_login(uuid, bytea), auth.projects_as(boolean),
    auth.confined_to(), auth.key_project(), auth.key_id();
REVOKE ALL ON FUNCTION auth.claims() FROM augentis_registrar;
REVOKE USAGE ON SCHEMA auth, public FROM augentis_registrar;

ALTER TABLE app_user NO FORCE ROW LEVEL SECURITY;
ALTER TABLE project NO FORCE ROW LEVEL SECURITY;
ALTER TABLE artifact NO FORCE ROW LEVEL SECURITY;
ALTER TABLE artifact_dependency NO FORCE ROW LEVEL SECURITY;
ALTER TABLE assumption NO FORCE ROW LEVEL SECURITY;
ALTER TABLE organization NO FORCE ROW LEVEL SECURITY;
ALTER TABLE organization_members NO FORCE ROW LEVEL SECURITY;
ALTER TABLE machine_key NO FORCE ROW LEVEL SECURITY;

ALTER TABLE organization DROP COLUMN max_projects, DROP COLUMN max_agents_per_project;
ALTER TABLE organization
    ADD COLUMN max_projects INTEGER DEFAULT 3,
    ADD COLUMN max_agents_per_project INTEGER DEFAULT 1 NOT NULL;
ALTER TABLE app_user
    DROP CONSTRAINT uq_app_user_auth_provider_auth_provider_id,
    DROP COLUMN updated_at, DROP COLUMN version;
ALTER TABLE organization_members DROP COLUMN updated_at, DROP COLUMN version;

ALTER TABLE artifact_dependency
    DROP CONSTRAINT fk_artifact_dependency_org_id_project_id_artifact_id,
    DROP CONSTRAINT fk_artifact_dependency_org_id_project_id_depends_on_id,
    ADD CONSTRAINT fk_artifact_dependency_org_id_artifact_id
        FOREIGN KEY (org_id, artifact_id) REFERENCES artifact (org_id, id),
    ADD CONSTRAINT fk_artifact_dependency_org_id_depends_on_id
        FOREIGN KEY (org_id, depends_on_id) REFERENCES artifact (org_id, id),
    ADD CONSTRAINT fk_artifact_dependency_org_id_project_id
        FOREIGN KEY (org_id, project_id) REFERENCES project (org_id, id);
ALTER TABLE assumption
    DROP CONSTRAINT fk_assumption_org_id_project_id_artifact_id,
    ADD CONSTRAINT fk_assumption_org_id_project_id FOREIGN KEY (org_id, project_id) REFERENCES project (org_id, id),
    ADD CONSTRAINT fk_assumption_org_id_artifact_id FOREIGN KEY (org_id, artifact_id) REFERENCES artifact (org_id, id);
ALTER TABLE artifact
    DROP CONSTRAINT ck_artifact_submitted, DROP CONSTRAINT ck_artifact_approved, DROP CONSTRAINT ck_artifact_deployed,
    DROP CONSTRAINT uq_artifact_org_id_project_id_id,
    DROP COLUMN submitted_by, DROP COLUMN deployed_by, DROP COLUMN updated_at, DROP COLUMN submitted_at,
    DROP COLUMN revision;

DROP INDEX ix_machine_key_id;
ALTER TABLE machine_key
    DROP CONSTRAINT ck_machine_key_name_length, DROP CONSTRAINT ck_machine_key_scopes,
    DROP CONSTRAINT ck_machine_key_secret_sha256, DROP CONSTRAINT fk_machine_key_created_by,
    DROP COLUMN scopes, DROP COLUMN updated_at, DROP COLUMN expires_at, DROP COLUMN last_used_at,
    DROP COLUMN version;
ALTER TABLE machine_key RENAME TO ingest_key;
ALTER TABLE ingest_key RENAME CONSTRAINT pk_machine_key TO pk_ingest_key;
ALTER TABLE ingest_key RENAME CONSTRAINT fk_machine_key_org_id_project_id TO fk_ingest_key_org_id_project_id;
ALTER INDEX ix_machine_key_project RENAME TO ix_ingest_key_project;

ALTER TABLE app_user FORCE ROW LEVEL SECURITY;
ALTER TABLE project FORCE ROW LEVEL SECURITY;
ALTER TABLE artifact FORCE ROW LEVEL SECURITY;
ALTER TABLE artifact_dependency FORCE ROW LEVEL SECURITY;
ALTER TABLE assumption FORCE ROW LEVEL SECURITY;
ALTER TABLE organization FORCE ROW LEVEL SECURITY;
ALTER TABLE organization_members FORCE ROW LEVEL SECURITY;
ALTER TABLE ingest_key FORCE ROW LEVEL SECURITY;
