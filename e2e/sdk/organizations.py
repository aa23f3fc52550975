"""Drives the organisation, permission and login calls with the official Python SDK.

usage: organizations.py ENDPOINT AK SK USER_ID
Prints the login that create_secret made, as JSON.
"""

import base64
import json
import re
import sys

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkswr.v2 import (
    CreateNamespaceAuthRequest,
    CreateNamespaceRequest,
    CreateNamespaceRequestBody,
    CreateSecretRequest,
    DeleteNamespaceAuthRequest,
    DeleteNamespacesRequest,
    ListNamespacesRequest,
    ShowNamespaceAuthRequest,
    ShowNamespaceRequest,
    SwrClient,
    UpdateNamespaceAuthRequest,
    UserAuth,
)

PROJECT_ID = "0123456789abcdef0123456789abcdef"
ORGANIZATION = "sdk-group"


def client(endpoint, ak, sk):
    credentials = BasicCredentials(ak, sk, PROJECT_ID)
    return SwrClient.new_builder().with_credentials(credentials).with_endpoint(endpoint).build()


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


def organizations(swr):
    body = CreateNamespaceRequestBody(namespace=ORGANIZATION)
    equal(swr.create_namespace(CreateNamespaceRequest(body=body)).status_code, 201)
    bad = CreateNamespaceRequest(body=CreateNamespaceRequestBody(namespace="Not_A_Name"))
    refused(400, "SVCSTG.SWR.4001008", lambda: swr.create_namespace(bad))
    refused(409, "SVCSTG.SWR.4090060", lambda: swr.create_namespace(CreateNamespaceRequest(body=body)))
    listed = swr.list_namespaces(ListNamespacesRequest()).namespaces
    equal([(row.name, row.creator_name, row.auth) for row in listed], [(ORGANIZATION, "admin", 7)])
    visible = ListNamespacesRequest(filter="namespace::sdk|mode::visible")
    equal([row.name for row in swr.list_namespaces(visible).namespaces], [ORGANIZATION])
    shown = swr.show_namespace(ShowNamespaceRequest(namespace=ORGANIZATION))
    equal((shown.id, shown.name, shown.creator_name, shown.auth), (listed[0].id, ORGANIZATION, "admin", 7))
    missing = ShowNamespaceRequest(namespace="missing")
    refused(404, "SVCSTG.SWR.4040058", lambda: swr.show_namespace(missing))


def permissions(swr, user_id):
    def auths(auth):
        return [UserAuth(user_id=user_id, user_name="mary", auth=auth)]

    create = CreateNamespaceAuthRequest(namespace=ORGANIZATION, body=auths(1))
    equal(swr.create_namespace_auth(create).status_code, 200)
    refused(409, "SVCSTG.SWR.4090076", lambda: swr.create_namespace_auth(create))
    update = UpdateNamespaceAuthRequest(namespace=ORGANIZATION, body=auths(3))
    equal(swr.update_namespace_auth(update).status_code, 201)
    shown = swr.show_namespace_auth(ShowNamespaceAuthRequest(namespace=ORGANIZATION))
    equal((shown.self_auth.user_name, shown.self_auth.auth), ("admin", 7))
    equal([(row.user_id, row.user_name, row.auth) for row in shown.others_auths], [(user_id, "mary", 3)])
    delete = DeleteNamespaceAuthRequest(namespace=ORGANIZATION, body=[user_id])
    equal(swr.delete_namespace_auth(delete).status_code, 204)
    equal(swr.show_namespace_auth(ShowNamespaceAuthRequest(namespace=ORGANIZATION)).others_auths, [])


def login(swr, host):
    made = swr.create_secret(CreateSecretRequest(projectname="local"))
    command = re.fullmatch(r"docker login -u (\S+) -p ([0-9a-f]{64}) (\S+)", made.x_swr_dockerlogin)
    assert command, made.x_swr_dockerlogin
    user, password, address = command.groups()
    equal(address, host)
    equal(base64.b64decode(made.auths[host].auth).decode(), f"{user}:{password}")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", made.x_swr_expireat), made.x_swr_expireat
    return {"user": user, "password": password}


def main():
    endpoint, ak, sk, user_id = sys.argv[1:]
    swr = client(endpoint, ak, sk)
    organizations(swr)
    permissions(swr, user_id)
    made = login(swr, endpoint.partition("://")[2])
    equal(swr.delete_namespaces(DeleteNamespacesRequest(namespace=ORGANIZATION)).status_code, 204)
    equal(swr.list_namespaces(ListNamespacesRequest()).namespaces, [])
    wrong = client(endpoint, ak, sk + "x")
    message = refused(401, "APIGW.0301", lambda: wrong.list_namespaces(ListNamespacesRequest()))
    assert message.startswith("Incorrect IAM authentication information"), message
    print(json.dumps(made))


if __name__ == "__main__":
    main()
