"""Builds an account's people with the official Python SDK of IAM, and lets each of them in with what they got.

usage: iam.py ENDPOINT AK SK PASSWORD
ENDPOINT is the server's address; AK, SK and PASSWORD are the administrator's of account "berth".
"""

import sys

from huaweicloudsdkcore.auth.credentials import BasicCredentials, GlobalCredentials
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkcore.region.region import Region
from huaweicloudsdkiam import v3
from huaweicloudsdkiam.v3 import IamClient
from huaweicloudsdkiam.v3.iam_credentials import IamCredentials
from huaweicloudsdkswr.v2 import ListNamespacesRequest, SwrClient

ACCOUNT = "berth"
REGION = "local"


def equal(found, expected):
    assert found == expected, f"found {found!r}, expected {expected!r}"


def refused(status, code, call):
    """Runs a call that must be refused, and returns what the SDK says of it."""
    try:
        call()
    except ClientRequestException as error:
        equal((error.status_code, error.error_code), (status, code))
        assert error.request_id, "the request id is missing"
        return error.error_msg
    raise AssertionError(f"not refused with {code}")


class Iam:
    """One client; calls are the SDK's methods by name, arguments their request's fields."""

    def __init__(self, endpoint, credentials):
        builder = IamClient.new_builder().with_credentials(credentials)
        self.client = builder.with_endpoint(endpoint).build()

    def __getattr__(self, name):
        request = "".join(part.capitalize() for part in name.split("_")) + "Request"
        return lambda **fields: getattr(self.client, name)(getattr(v3, request)(**fields))


def by_key(endpoint, ak, sk, domain_id=None):
    """A client that signs; without a domain id the SDK asks for the account first."""
    credentials = GlobalCredentials(ak, sk, domain_id).with_iam_endpoint(endpoint)
    return Iam(endpoint, credentials)


def by_token(endpoint, token):
    return Iam(endpoint, IamCredentials(token))


def password_token(iam, user, password, scope=None):
    identity = v3.PwdIdentity(
        methods=["password"],
        password=v3.PwdPassword(
            user=v3.PwdPasswordUser(name=user, password=password, domain=v3.PwdPasswordUserDomain(name=ACCOUNT))
        ),
    )
    body = v3.KeystoneCreateUserTokenByPasswordRequestBody(auth=v3.PwdAuth(identity=identity, scope=scope))
    return iam.keystone_create_user_token_by_password(body=body)


def tokens(endpoint, admin, password):
    """A token for the account and one for its project; both are told again when they are validated."""
    domain = admin.keystone_list_auth_domains().domains[0]
    equal(domain.name, ACCOUNT)
    projects = admin.keystone_list_projects(name=REGION).projects
    equal([(project.name, project.domain_id) for project in projects], [(REGION, domain.id)])
    equal([project.id for project in admin.keystone_list_auth_projects().projects], [projects[0].id])
    for_account = password_token(admin, "admin", password)
    scope = v3.AuthScope(project=v3.AuthScopeProject(name=REGION))
    for_project = password_token(admin, "admin", password, scope)
    equal((for_account.status_code, for_account.token.domain.id), (201, domain.id))
    equal(for_project.token.project.id, projects[0].id)
    equal([role.name for role in for_project.token.roles], ["te_admin"])
    for made in (for_account, for_project):
        client = by_token(endpoint, made.x_subject_token)
        seen = client.keystone_validate_token(x_subject_token=made.x_subject_token)
        equal((seen.token.user.name, seen.token.expires_at), ("admin", made.token.expires_at))
        equal(seen.token.methods, ["password"])
        equal(client.keystone_show_project(project_id=projects[0].id).project.name, REGION)
    refused(401, "IAM.0001", lambda: password_token(admin, "admin", "wrong password"))
    nowhere = v3.AuthScope(project=v3.AuthScopeProject(name="elsewhere"))
    refused(404, "IAM.0004", lambda: password_token(admin, "admin", password, nowhere))
    return domain.id, projects[0].id


def users(endpoint, admin, domain_id):
    """Users of both kinds of call; answers the one who goes on."""
    option = v3.KeystoneCreateUserOption(
        name="olga", domain_id=domain_id, password="a long password", enabled=True, description="watches"
    )
    body = v3.KeystoneCreateUserRequestBody(user=option)
    made = admin.keystone_create_user(body=body)
    equal((made.status_code, made.user.name, made.user.description), (201, "olga", "watches"))
    refused(409, "IAM.0005", lambda: admin.keystone_create_user(body=body))
    olga = made.user.id
    update = v3.KeystoneUpdateUserOption(description="left", enabled=False)
    changed = admin.keystone_update_user_by_admin(
        user_id=olga, body=v3.KeystoneUpdateUserByAdminRequestBody(user=update)
    )
    equal((changed.user.enabled, changed.user.description), (False, "left"))
    equal(admin.keystone_show_user(user_id=olga).user.enabled, False)
    refused(401, "APIGW.0301", lambda: password_token(admin, "olga", "a long password"))
    equal(admin.keystone_delete_user(user_id=olga).status_code, 204)
    refused(404, "IAM.0004", lambda: admin.keystone_show_user(user_id=olga))

    option = v3.CreateUserOption(
        name="robot", domain_id=domain_id, password="a long password", access_mode="programmatic", description="builds"
    )
    made = admin.create_user(body=v3.CreateUserRequestBody(user=option))
    equal((made.status_code, made.user.access_mode, made.user.is_domain_owner), (201, "programmatic", False))
    robot = made.user.id
    option = v3.UpdateUserOption(access_mode="default", description="builds at night")
    changed = admin.update_user(user_id=robot, body=v3.UpdateUserRequestBody(user=option))
    equal((changed.user.access_mode, changed.user.description), ("default", "builds at night"))
    equal(admin.show_user(user_id=robot).user.access_mode, "default")
    listed = admin.keystone_list_users(domain_id=domain_id, enabled=True).users
    equal([user.name for user in listed], ["admin", "robot"])
    equal([user.id for user in admin.keystone_list_users(name="robot").users], [robot])

    token = password_token(admin, "robot", "a long password").x_subject_token
    own = by_token(endpoint, token)
    option = v3.KeystoneUpdatePasswordOption(password="a longer password", original_password="a long password")
    body = v3.KeystoneUpdateUserPasswordRequestBody(user=option)
    equal(own.keystone_update_user_password(user_id=robot, body=body).status_code, 204)
    refused(401, "APIGW.0301", own.keystone_list_auth_domains)
    refused(401, "IAM.0001", lambda: password_token(admin, "robot", "a long password"))
    return robot


def groups(endpoint, admin, domain_id, project_id, robot):
    """A group, its members, and the role that makes them administrators."""
    option = v3.KeystoneCreateGroupOption(name="ops", domain_id=domain_id, description="operators")
    made = admin.keystone_create_group(body=v3.KeystoneCreateGroupRequestBody(group=option))
    equal((made.status_code, made.group.name, made.group.description), (201, "ops", "operators"))
    ops = made.group.id
    update = v3.KeystoneUpdateGroupRequestBody(group=v3.KeystoneUpdateGroupOption(description="on call"))
    equal(admin.keystone_update_group(group_id=ops, body=update).group.description, "on call")
    equal(admin.keystone_show_group(group_id=ops).group.name, "ops")
    equal([group.id for group in admin.keystone_list_groups(name="ops").groups], [ops])
    member = {"group_id": ops, "user_id": robot}
    refused(404, "404", lambda: admin.keystone_check_user_in_group(**member))
    equal(admin.keystone_add_user_to_group(**member).status_code, 204)
    equal(admin.keystone_check_user_in_group(**member).status_code, 204)
    equal([user.name for user in admin.keystone_list_users_for_group_by_admin(group_id=ops).users], ["robot"])
    equal([group.name for group in admin.keystone_list_groups_for_user(user_id=robot).groups], ["ops"])

    own = by_token(endpoint, password_token(admin, "robot", "a longer password").x_subject_token)
    equal([role.name for role in admin.keystone_list_permissions().roles], ["te_admin", "swr_adm"])
    role = admin.keystone_list_permissions(display_name="SWR Administrator").roles[0]
    equal(admin.keystone_show_permission(role_id=role.id).role.name, "swr_adm")
    for place, add, check, listed, remove in [
        (
            {"domain_id": domain_id},
            admin.keystone_associate_group_with_domain_permission,
            admin.keystone_check_domain_permission_for_group,
            admin.keystone_list_domain_permissions_for_group,
            admin.keystone_remove_domain_permission_from_group,
        ),
        (
            {"project_id": project_id},
            admin.keystone_associate_group_with_project_permission,
            admin.keystone_check_project_permission_for_group,
            admin.keystone_list_project_permissions_for_group,
            admin.keystone_remove_project_permission_from_group,
        ),
    ]:
        refused(403, "IAM.0003", own.keystone_list_users)
        given = {**place, "group_id": ops, "role_id": role.id}
        refused(404, "404", lambda: check(**given))
        equal(add(**given).status_code, 204)
        equal(check(**given).status_code, 204)
        equal([found.id for found in listed(**place, group_id=ops).roles], [role.id])
        equal(len(own.keystone_list_users().users), 2)
        equal(remove(**given).status_code, 204)
    equal(admin.keystone_remove_user_from_group(**member).status_code, 204)
    equal(admin.keystone_delete_group(group_id=ops).status_code, 204)
    refused(404, "IAM.0004", lambda: admin.keystone_show_group(group_id=ops))


def keys(endpoint, admin, domain_id, robot):
    """A lasting key and a temporary one, each used by both SDKs until it ends."""
    option = v3.CreateCredentialOption(user_id=robot, description="build server")
    made = admin.create_permanent_access_key(body=v3.CreatePermanentAccessKeyRequestBody(credential=option))
    pair = made.credential
    equal((made.status_code, pair.user_id, pair.status, pair.description), (201, robot, "active", "build server"))
    own = by_key(endpoint, pair.access, pair.secret, domain_id)
    equal([key.access for key in own.list_permanent_access_keys().credentials], [pair.access])
    assert own.show_permanent_access_key(access_key=pair.access).credential.last_use_time
    # With a region the SDK looks for the project first.
    credentials = BasicCredentials(pair.access, pair.secret).with_iam_endpoint(endpoint)
    swr = SwrClient.new_builder().with_credentials(credentials).with_region(Region(REGION, endpoint)).build()
    equal(swr.list_namespaces(ListNamespacesRequest()).namespaces, [])

    life = v3.IdentityToken(duration_seconds=900)
    identity = v3.TokenAuthIdentity(methods=["token"], token=life)
    body = v3.CreateTemporaryAccessKeyByTokenRequestBody(auth=v3.TokenAuth(identity=identity))
    temporary = own.create_temporary_access_key_by_token(body=body).credential
    credentials = BasicCredentials(temporary.access, temporary.secret, "0" * 32)
    builder = SwrClient.new_builder().with_endpoint(endpoint)
    without = builder.with_credentials(credentials).build()
    refused(401, "APIGW.0301", lambda: without.list_namespaces(ListNamespacesRequest()))
    credentials = BasicCredentials(temporary.access, temporary.secret, "0" * 32)
    credentials.with_security_token(temporary.securitytoken)
    with_token = SwrClient.new_builder().with_endpoint(endpoint).with_credentials(credentials).build()
    equal(with_token.list_namespaces(ListNamespacesRequest()).namespaces, [])

    option = v3.UpdateCredentialOption(status="inactive", description="retired")
    body = v3.UpdatePermanentAccessKeyRequestBody(credential=option)
    changed = admin.update_permanent_access_key(access_key=pair.access, body=body).credential
    equal((changed.status, changed.description), ("inactive", "retired"))
    refused(401, "APIGW.0301", own.list_permanent_access_keys)
    refused(401, "APIGW.0301", lambda: with_token.list_namespaces(ListNamespacesRequest()))
    equal(admin.delete_permanent_access_key(access_key=pair.access).status_code, 204)
    refused(404, "IAM.0004", lambda: admin.show_permanent_access_key(access_key=pair.access))


def main():
    endpoint, ak, sk, password = sys.argv[1:]
    admin = by_key(endpoint, ak, sk)
    domain_id, project_id = tokens(endpoint, admin, password)
    robot = users(endpoint, admin, domain_id)
    groups(endpoint, admin, domain_id, project_id, robot)
    keys(endpoint, admin, domain_id, robot)
    own = admin.keystone_list_users(name="admin").users[0].id
    message = refused(400, "IAM.0011", lambda: admin.keystone_delete_user(user_id=own))
    assert "no administrator left" in message, message
    print("done")


if __name__ == "__main__":
    main()
