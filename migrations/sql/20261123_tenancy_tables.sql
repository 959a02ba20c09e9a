-- Tables and columns of the tenancy round, as storage/tables has them (a test compares the two).
-- FORCE would keep the owner from the rows that are there, and from checking new keys on them: it is
-- lifted until the end.

ALTER TABLE app_user NO FORCE ROW LEVEL SECURITY;
ALTER TABLE project NO FORCE ROW LEVEL SECURITY;
ALTER TABLE artifact NO FORCE ROW LEVEL SECURITY;
ALTER TABLE artifact_dependency NO FORCE ROW LEVEL SECURITY;
ALTER TABLE assumption NO FORCE ROW LEVEL SECURITY;
ALTER TABLE organization NO FORCE ROW LEVEL SECURITY;
ALTER TABLE organization_members NO FORCE ROW LEVEL SECURITY;
ALTER TABLE ingest_key NO FORCE ROW LEVEL SECURITY;

ALTER TABLE organization DROP COLUMN max_projects, DROP COLUMN max_agents_per_project;
ALTER TABLE organization
    ADD COLUMN max_projects INTEGER GENERATED ALWAYS AS
        (CASE subscription_tier WHEN 'BASIC' THEN 3 WHEN 'PRO' THEN 20 END) STORED,
    ADD COLUMN max_agents_per_project INTEGER GENERATED ALWAYS AS
        (CASE subscription_tier WHEN 'BASIC' THEN 1 WHEN 'PRO' THEN 5 ELSE 20 END) STORED NOT NULL;

ALTER TABLE app_user
    ADD COLUMN updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    ADD COLUMN version INTEGER DEFAULT 1 NOT NULL,
    ADD CONSTRAINT uq_app_user_auth_provider_auth_provider_id UNIQUE (auth_provider, auth_provider_id);

ALTER TABLE organization_members
    ADD COLUMN updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    ADD COLUMN version INTEGER DEFAULT 1 NOT NULL;

ALTER TABLE artifact
    ADD COLUMN submitted_by UUID,
    ADD COLUMN deployed_by UUID,
    ADD COLUMN updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    ADD COLUMN submitted_at TIMESTAMP WITH TIME ZONE,
    ADD COLUMN revision INTEGER DEFAULT 1 NOT NULL;
UPDATE artifact SET submitted_by = created_by, submitted_at = created_at WHERE status = 'REVIEW';
UPDATE artifact SET approved_by = coalesce(approved_by, created_by), approved_at = coalesce(approved_at, created_at)
WHERE status IN ('APPROVED', 'DEPLOYED');
UPDATE artifact SET deployed_by = approved_by, deployed_at = coalesce(deployed_at, approved_at)
WHERE status = 'DEPLOYED';
ALTER TABLE artifact
    ADD CONSTRAINT ck_artifact_submitted CHECK (status <> 'REVIEW' OR submitted_at IS NOT NULL),
    ADD CONSTRAINT ck_artifact_approved CHECK
        ((status IN ('APPROVED', 'DEPLOYED')) = (approved_at IS NOT NULL AND approved_by IS NOT NULL)),
    ADD CONSTRAINT ck_artifact_deployed CHECK
        ((status = 'DEPLOYED') = (deployed_at IS NOT NULL AND deployed_by IS NOT NULL)),
    ADD CONSTRAINT uq_artifact_org_id_project_id_id UNIQUE (org_id, project_id, id),
    ADD CONSTRAINT fk_artifact_submitted_by FOREIGN KEY (submitted_by) REFERENCES app_user (id),
    ADD CONSTRAINT fk_artifact_deployed_by FOREIGN KEY (deployed_by) REFERENCES app_user (id);

ALTER TABLE artifact_dependency
    DROP CONSTRAINT fk_artifact_dependency_org_id_artifact_id,
    DROP CONSTRAINT fk_artifact_dependency_org_id_depends_on_id,
    DROP CONSTRAINT fk_artifact_dependency_org_id_project_id,
    ADD CONSTRAINT fk_artifact_dependency_org_id_project_id_artifact_id
        FOREIGN KEY (org_id, project_id, artifact_id) REFERENCES artifact (org_id, project_id, id),
    ADD CONSTRAINT fk_artifact_dependency_org_id_project_id_depends_on_id
        FOREIGN KEY (org_id, project_id, depends_on_id) REFERENCES artifact (org_id, project_id, id);

ALTER TABLE assumption
    DROP CONSTRAINT fk_assumption_org_id_project_id,
    DROP CONSTRAINT fk_assumption_org_id_artifact_id,
    ADD CONSTRAINT fk_assumption_org_id_project_id_artifact_id
        FOREIGN KEY (org_id, project_id, artifact_id) REFERENCES artifact (org_id, project_id, id);

CREATE TABLE tag (
    org_id UUID NOT NULL,
    id UUID NOT NULL,
    project_id UUID NOT NULL,
    artifact_id UUID NOT NULL,
    tag_name TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_tag PRIMARY KEY (org_id, id),
    CONSTRAINT ck_tag_tag_name_length CHECK (char_length(tag_name) BETWEEN 1 AND 100),
    CONSTRAINT fk_tag_org_id_project_id_artifact_id
        FOREIGN KEY (org_id, project_id, artifact_id) REFERENCES artifact (org_id, project_id, id),
    CONSTRAINT uq_tag_org_id_artifact_id_tag_name UNIQUE (org_id, artifact_id, tag_name)
);
CREATE INDEX ix_tag_name ON tag (org_id, tag_name);

CREATE TABLE project_access (
    org_id UUID NOT NULL,
    project_id UUID NOT NULL,
    user_id UUID NOT NULL,
    role TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    CONSTRAINT pk_project_access PRIMARY KEY (org_id, project_id, user_id),
    CONSTRAINT ck_project_access_role CHECK (role IN ('EDITOR', 'COMMENTER', 'VIEWER')),
    CONSTRAINT fk_project_access_org_id_project_id FOREIGN KEY (org_id, project_id) REFERENCES project (org_id, id),
    CONSTRAINT fk_project_access_org_id_user_id
        FOREIGN KEY (org_id, user_id) REFERENCES organization_members (org_id, user_id)
);
CREATE INDEX ix_project_access_user ON project_access (org_id, user_id);

CREATE TABLE invitation (
    org_id UUID NOT NULL,
    id UUID NOT NULL,
    email TEXT NOT NULL,
    role_in_org TEXT NOT NULL,
    invited_by UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
    accepted_at TIMESTAMP WITH TIME ZONE,
    accepted_by UUID,
    revoked_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_invitation PRIMARY KEY (org_id, id),
    CONSTRAINT ck_invitation_email_format CHECK (email ~ '^[^@\s]+@[^@\s]+\.[^@\s]+$'),
    CONSTRAINT ck_invitation_role_in_org CHECK (role_in_org IN ('ADMIN', 'MEMBER', 'VIEWER')),
    CONSTRAINT ck_invitation_accepted CHECK ((accepted_at IS NULL) = (accepted_by IS NULL)),
    CONSTRAINT ck_invitation_one_end CHECK (accepted_at IS NULL OR revoked_at IS NULL),
    CONSTRAINT fk_invitation_org_id FOREIGN KEY (org_id) REFERENCES organization (id),
    CONSTRAINT fk_invitation_invited_by FOREIGN KEY (invited_by) REFERENCES app_user (id),
    CONSTRAINT fk_invitation_accepted_by FOREIGN KEY (accepted_by) REFERENCES app_user (id)
);
CREATE INDEX ix_invitation_email ON invitation (lower(email));
CREATE UNIQUE INDEX uq_invitation_pending ON invitation (org_id, lower(email))
WHERE accepted_at IS NULL AND revoked_at IS NULL;

CREATE TABLE idempotency_key (
    org_id UUID NOT NULL,
    actor_id UUID NOT NULL,
    key TEXT NOT NULL,
    request_sha256 BYTEA NOT NULL,
    status INTEGER,
    sealed BYTEA,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT pk_idempotency_key PRIMARY KEY (org_id, actor_id, key),
    CONSTRAINT ck_idempotency_key_key_length CHECK (char_length(key) BETWEEN 1 AND 200),
    CONSTRAINT fk_idempotency_key_org_id FOREIGN KEY (org_id) REFERENCES organization (id),
    CONSTRAINT fk_idempotency_key_actor_id FOREIGN KEY (actor_id) REFERENCES app_user (id)
);
CREATE INDEX ix_idempotency_key_created ON idempotency_key (created_at);

-- A key may read too: what it is called follows.
ALTER TABLE ingest_key RENAME TO machine_key;
ALTER TABLE machine_key RENAME CONSTRAINT pk_ingest_key TO pk_machine_key;
ALTER TABLE machine_key RENAME CONSTRAINT fk_ingest_key_org_id_project_id TO fk_machine_key_org_id_project_id;
ALTER INDEX ix_ingest_key_project RENAME TO ix_machine_key_project;
ALTER TABLE machine_key
    ADD COLUMN scopes TEXT[] DEFAULT '{publish}' NOT NULL,
    ADD COLUMN updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    ADD COLUMN expires_at TIMESTAMP WITH TIME ZONE,
    ADD COLUMN last_used_at TIMESTAMP WITH TIME ZONE,
    ADD COLUMN version INTEGER DEFAULT 1 NOT NULL;
ALTER TABLE machine_key
    ALTER COLUMN scopes DROP DEFAULT,
    ADD CONSTRAINT ck_machine_key_name_length CHECK (char_length(name) BETWEEN 1 AND 100),
    ADD CONSTRAINT ck_machine_key_scopes CHECK
        (scopes <@ ARRAY['publish', 'read'] AND cardinality(scopes) BETWEEN 1 AND 2),
    ADD CONSTRAINT ck_machine_key_secret_sha256 CHECK (octet_length(secret_sha256) = 32),
    ADD CONSTRAINT fk_machine_key_created_by FOREIGN KEY (created_by) REFERENCES app_user (id);
CREATE INDEX ix_machine_key_id ON machine_key (id);

ALTER TABLE app_user FORCE ROW LEVEL SECURITY;
ALTER TABLE project FORCE ROW LEVEL SECURITY;
ALTER TABLE artifact FORCE ROW LEVEL SECURITY;
ALTER TABLE artifact_dependency FORCE ROW LEVEL SECURITY;
ALTER TABLE assumption FORCE ROW LEVEL SECURITY;
ALTER TABLE organization FORCE ROW LEVEL SECURITY;
ALTER TABLE organization_members FORCE ROW LEVEL SECURITY;
ALTER TABLE machine_key FORCE ROW LEVEL SECURITY;
