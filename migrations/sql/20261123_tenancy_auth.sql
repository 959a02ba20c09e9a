-- Who asks: a person, a machine's key, or somebody whom an OpenID provider has identified.

-- The bodies are checked as they are made, and touch no row.
SET LOCAL row_security = on;

CREATE FUNCTION auth.key_id() RETURNS uuid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT (auth.claims() ->> 'key_id')::uuid $$;

-- The project of the key that asks, as long as the key is good for reading.
CREATE FUNCTION auth.key_project() RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT k.project_id FROM public.machine_key AS k
    WHERE k.org_id = auth.org_id() AND k.id = auth.key_id()
      AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
      AND 'read' = ANY (k.scopes)
$$;

CREATE OR REPLACE FUNCTION auth.my_orgs() RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg(m.org_id), '{}') || CASE
        WHEN auth.key_id() IS NOT NULL AND auth.key_project() IS NOT NULL THEN ARRAY[auth.org_id()]
        ELSE '{}' END
    FROM public.organization_members AS m
    WHERE m.user_id = auth.uid() AND m.removed_at IS NULL
$$;

-- Colleagues are people's to see: a key sees none.
CREATE OR REPLACE FUNCTION auth.org_users() RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg(m.user_id), '{}') FROM public.organization_members AS m
    WHERE m.org_id = auth.org_id() AND auth.my_role() IS NOT NULL
$$;

-- The projects that a token is confined to, by its workspace or as a key's; NULL: it is not.
CREATE FUNCTION auth.confined_to() RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN auth.key_id() IS NOT NULL THEN array_remove(ARRAY[auth.key_project()], NULL)
        WHEN auth.workspace_id() IS NOT NULL THEN (
            SELECT coalesce(array_agg(p.id), '{}') FROM public.project AS p
            WHERE p.org_id = auth.org_id() AND p.workspace_id = auth.workspace_id()
        )
    END
$$;

DROP FUNCTION auth.workspace_projects();

-- Projects in which the caller has a role of their own: those that they may edit by it, or may not.
CREATE FUNCTION auth.projects_as(edits boolean) RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg(a.project_id), '{}') FROM public.project_access AS a
    WHERE a.org_id = auth.org_id() AND a.user_id = auth.uid() AND (a.role = 'EDITOR') = projects_as.edits
$$;

-- Whoever knows a key's secret gets to know what it is for; of others nothing is said, nor why.
CREATE FUNCTION auth.key_login(key_id uuid, sha256 bytea)
RETURNS TABLE (org_id uuid, project_id uuid, scopes text[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT k.org_id, k.project_id, k.scopes FROM public.machine_key AS k
    WHERE k.id = key_login.key_id AND k.secret_sha256 = key_login.sha256 AND k.revoked_at IS NULL
      AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp());
    IF FOUND THEN
        UPDATE public.machine_key AS k SET last_used_at = clock_timestamp()
        WHERE k.id = key_login.key_id AND k.secret_sha256 = key_login.sha256
          AND (k.last_used_at IS NULL OR k.last_used_at < clock_timestamp() - interval '1 minute');
    END IF;
END
$$;

-- An identity may come only from the server, which has checked it: it is signed as claims are.
CREATE FUNCTION auth.sign_in() RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    identity jsonb := auth.claims() -> 'identity';
    found_id uuid;
BEGIN
    IF identity IS NULL THEN
        RAISE EXCEPTION 'nobody has been identified' USING ERRCODE = '42501';
    END IF;
    SELECT u.id INTO found_id FROM public.app_user AS u
    WHERE u.auth_provider = identity ->> 'provider' AND u.auth_provider_id = identity ->> 'subject';
    IF found_id IS NULL THEN
        -- Somebody known by e-mail alone, from `augentis init`: the first identity that has it is theirs.
        UPDATE public.app_user AS u
        SET auth_provider = identity ->> 'provider', auth_provider_id = identity ->> 'subject'
        WHERE lower(u.email) = lower(identity ->> 'email') AND u.auth_provider_id IS NULL
        RETURNING u.id INTO found_id;
    END IF;
    IF found_id IS NULL AND EXISTS (
        SELECT FROM public.invitation AS i
        WHERE lower(i.email) = lower(identity ->> 'email') AND i.accepted_at IS NULL AND i.revoked_at IS NULL
          AND i.expires_at > clock_timestamp()
    ) THEN
        INSERT INTO public.app_user (id, email, full_name, auth_provider, auth_provider_id)
        VALUES (gen_random_uuid(), identity ->> 'email', identity ->> 'full_name',
                identity ->> 'provider', identity ->> 'subject')
        ON CONFLICT DO NOTHING
        RETURNING app_user.id INTO found_id;
    END IF;
    IF found_id IS NULL THEN
        -- The same identity may just have been linked, or its user made, by a sign-in at the same time.
        SELECT u.id INTO found_id FROM public.app_user AS u
        WHERE u.auth_provider = identity ->> 'provider' AND u.auth_provider_id = identity ->> 'subject';
    END IF;
    IF found_id IS NULL THEN
        RAISE EXCEPTION 'no user, and no invitation, is for this identity' USING ERRCODE = 'AG006';
    END IF;
    UPDATE public.app_user AS u SET last_login_at = clock_timestamp() WHERE u.id = found_id;
    RETURN found_id;
END
$$;

CREATE FUNCTION auth.my_memberships()
RETURNS TABLE (org_id uuid, slug text, name text, role_in_org text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT m.org_id, o.slug, o.name, m.role_in_org
    FROM public.app_user AS u
    JOIN public.organization_members AS m ON m.user_id = u.id AND m.removed_at IS NULL
    JOIN public.organization AS o ON o.id = m.org_id
    WHERE u.auth_provider = auth.claims() -> 'identity' ->> 'provider'
      AND u.auth_provider_id = auth.claims() -> 'identity' ->> 'subject'
    ORDER BY o.slug
$$;

CREATE FUNCTION auth.my_invitations()
RETURNS TABLE (id uuid, org_id uuid, slug text, name text, role_in_org text, expires_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT i.id, i.org_id, o.slug, o.name, i.role_in_org, i.expires_at
    FROM public.invitation AS i JOIN public.organization AS o ON o.id = i.org_id
    WHERE lower(i.email) = lower(auth.claims() -> 'identity' ->> 'email')
      AND i.accepted_at IS NULL AND i.revoked_at IS NULL AND i.expires_at > clock_timestamp()
    ORDER BY o.slug
$$;

CREATE FUNCTION auth.accept_invitation(invitation uuid) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    asked public.invitation;
    who uuid := auth.sign_in();
BEGIN
    SELECT i.* INTO asked FROM public.invitation AS i
    WHERE i.id = accept_invitation.invitation
      AND lower(i.email) = lower(auth.claims() -> 'identity' ->> 'email')
      AND i.accepted_at IS NULL AND i.revoked_at IS NULL AND i.expires_at > clock_timestamp()
    FOR UPDATE;
    IF asked.id IS NULL THEN
        RAISE EXCEPTION 'no such invitation is open to this e-mail' USING ERRCODE = 'AG005';
    END IF;
    -- Who is a member already keeps the role that they have.
    INSERT INTO public.organization_members AS m (org_id, user_id, role_in_org)
    VALUES (asked.org_id, who, asked.role_in_org)
    ON CONFLICT (org_id, user_id) DO UPDATE SET role_in_org = asked.role_in_org, removed_at = NULL
    WHERE m.removed_at IS NOT NULL;
    UPDATE public.invitation AS i SET accepted_at = clock_timestamp(), accepted_by = who
    WHERE i.org_id = asked.org_id AND i.id = asked.id;
    RETURN asked.org_id;
END
$$;

-- For the operator alone: what an organisation pays for is not its own to say.
CREATE FUNCTION auth.set_tier(org text, tier text) RETURNS uuid
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE public.organization AS o SET subscription_tier = set_tier.tier
    WHERE o.slug = set_tier.org OR o.id::text = lower(set_tier.org)
    RETURNING o.id
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA auth FROM PUBLIC;
GRANT USAGE ON SCHEMA auth TO augentis_registrar;
GRANT EXECUTE ON FUNCTION auth.claims() TO augentis_registrar;
GRANT EXECUTE ON FUNCTION auth.key_id(), auth.key_project(), auth.confined_to(), auth.projects_as(boolean)
    TO augentis_api, augentis_member_reader;
GRANT EXECUTE ON FUNCTION auth.key_login(uuid, bytea), auth.sign_in(), auth.my_memberships(), auth.my_invitations(),
    auth.accept_invitation(uuid) TO augentis_api;

SET LOCAL row_security = off;
