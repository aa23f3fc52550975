"""What the scripts of this folder share: people who call the management API with the official SDK, and push images.

A person notes which operations they called, so that a script can insist on having called all of them, and on having
seen each of them refuse something.
"""

import base64
import hashlib
import hmac
import json
import urllib.error
import urllib.request

import huaweicloudsdkswr.v2 as swr
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException

PROJECT_ID = "0123456789abcdef0123456789abcdef"

# The 59 operations of the basic edition, by the SDK's names.
OPERATIONS = """
create_namespace list_namespaces show_namespace delete_namespaces
create_namespace_auth show_namespace_auth update_namespace_auth delete_namespace_auth
create_repo show_repository update_repo delete_repo list_repos_details list_repo_details
list_repository_tags list_repository_tag show_repo_tag create_repo_tag delete_repo_tag
list_repo_accessories list_references
create_user_repository_auth show_user_repository_auth update_user_repository_auth delete_user_repository_auth
create_repo_domains list_repo_domains show_access_domain update_repo_domains delete_repo_domains
list_shared_repos_details list_shared_repo_details
create_image_sync_repo list_image_auto_sync_repos_details delete_image_sync_repo create_manual_image_sync_repo
show_sync_job list_sync_regions
create_trigger list_triggers_details show_trigger update_trigger delete_trigger
create_retention list_retentions show_retention update_retention delete_retention list_retention_histories
create_secret create_authorization_token
list_quotas show_share_feature_gates show_domain_overview show_domain_resource_reports
check_agency create_agency list_api_versions show_api_version
""".split()

called = set()
refused = set()


def equal(found, expected):
    assert found == expected, f"found {found!r}, expected {expected!r}"


def full(row, *nullable):
    """Insists on a value in every field that the SDK knows, but for those that may be null; answers the row."""
    for field in row.openapi_types:
        assert field in nullable or getattr(row, field) is not None, f"{type(row).__name__}.{field} is missing: {row}"
    return row


def rows(response):
    """The rows of a bare array; the SDK has none for an empty one."""
    return response.body or []


class Person:
    """A user with an access key."""

    def __init__(self, endpoint, key):
        self.endpoint = endpoint
        self.ak, self.sk = key["access_key_id"], key["secret_access_key"]
        credentials = BasicCredentials(self.ak, self.sk, PROJECT_ID)
        self.client = swr.SwrClient.new_builder().with_credentials(credentials).with_endpoint(endpoint).build()

    def call(self, operation, status, **arguments):
        """Calls an operation, which must answer with this status, and returns the answer."""
        response = getattr(self.client, operation)(self._request(operation, arguments))
        equal(response.status_code, status)
        called.add(operation)
        return response

    def refused(self, operation, status, code, **arguments):
        """Calls an operation that must be refused with this status and code; returns the message."""
        try:
            getattr(self.client, operation)(self._request(operation, arguments))
        except ClientRequestException as error:
            equal((operation, error.status_code, error.error_code), (operation, status, code))
            assert error.request_id, f"{operation}: the request id is missing"
            assert " " in error.error_msg, f"{operation}: {error.error_msg!r} is no sentence"
            refused.add(operation)
            return error.error_msg
        raise AssertionError(f"{operation} was not refused with {code}")

    def extension(self, method, path, body=None, query=()):
        """Calls what the SDK has no method for, signed by the SDK all the same; returns status and JSON."""
        response = self.client.do_http_request(
            method, path, path_params={}, query_params=list(query), header_params={"Content-Type": "application/json"},
            body=body, post_params={}, response_type="CreateAgencyResponse", response_headers=[], collection_formats={},
            request_type="Extension",
        )
        return response.status_code, json.loads(response.raw_content or b"null")

    def _request(self, operation, arguments):
        name = "".join(part.capitalize() for part in operation.split("_")) + "Request"
        kind = getattr(swr, name)
        body = arguments.get("body")
        if isinstance(body, dict):
            arguments["body"] = getattr(swr, kind.openapi_types["body"])(**body)
        return kind(**arguments)

    def login(self):
        """The long-term login for the registry: user name and password."""
        key = hmac.new(self.sk.encode(), self.ak.encode(), hashlib.sha256).hexdigest()
        return f"local@{self.ak}", key

    def registry(self, method, path, body=b"", login=None, **headers):
        """A request to the registry; returns status, headers and body."""
        user, password = login or self.login()
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        request = urllib.request.Request(self.endpoint + path, data=body or None, method=method)
        request.add_header("Authorization", f"Basic {token}")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def push(self, image, tag, text, subject=None):
        """Pushes an image of one layer that holds `text`; returns its digest and the bytes that SWR counts."""
        config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Labels": {"text": text}},
                             "created": "2026-01-02T03:04:05Z", "rootfs": {"type": "layers", "diff_ids": []},
                             "history": [{"created_by": "text", "created": "2026-01-02T03:04:05Z"}]}).encode()
        layer = text.encode()
        manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                    "config": self._blob(image, config, "application/vnd.oci.image.config.v1+json"),
                    "layers": [self._blob(image, layer, "application/vnd.oci.image.layer.v1.tar")]}
        if subject:
            manifest["subject"] = subject
        content = json.dumps(manifest).encode()
        status, _, answer = self.registry("PUT", f"/v2/{image}/manifests/{tag}", content,
                                          Content_Type=manifest["mediaType"])
        assert status == 201, answer
        return {"digest": digest(content), "manifest": content.decode(), "size": len(config) + len(layer),
                "config": digest(config), "length": len(content)}

    def _blob(self, image, content, media_type):
        status, headers, answer = self.registry("POST", f"/v2/{image}/blobs/uploads/")
        assert status == 202, answer
        location = headers["Location"].removeprefix(self.endpoint)
        join = "&" if "?" in location else "?"
        status, _, answer = self.registry("PUT", f"{location}{join}digest={digest(content)}", content,
                                          Content_Type="application/octet-stream")
        assert status == 201, answer
        return {"mediaType": media_type, "digest": digest(content), "size": len(content)}


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()
