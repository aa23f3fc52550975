"""Drives all 59 operations of the basic edition with the official Python SDK, in the order a team would use them.

usage: swr.py ENDPOINT FACTS
FACTS is JSON: the keys of `admin` (administrator of the account), `mary` (a user of it, with `id`), `guest`
(administrator of another account) and that account's name, `other`. Prints the chapters, and at the end the temporary
login that create_secret made, as JSON.
"""

import base64
import datetime
import json
import re
import sys

from team import OPERATIONS, Person, called, equal, full, refused, rows

CODE = "SVCSTG.SWR."
ORGANIZATION = "sdk-team"
IMAGE = "back/end"
# The name as it stands in a path.
PATH = "back$end"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")


class Story:
    def __init__(self, endpoint, facts):
        self.host = endpoint.partition("://")[2]
        self.facts = facts
        self.admin = Person(endpoint, facts["admin"])
        self.mary = Person(endpoint, facts["mary"])
        self.guest = Person(endpoint, facts["guest"])
        self.image = {"namespace": ORGANIZATION, "repository": PATH}
        self.missing = {"namespace": ORGANIZATION, "repository": "missing"}
        self.login = None

    def versions(self):
        listed = self.admin.call("list_api_versions", 200).versions
        equal([(row.id, row.links.rel) for row in listed], [("v2", "self"), ("v3", "self")])
        shown = self.admin.call("show_api_version", 200, api_version="v2").version
        equal((shown.id, shown.links.href), ("v2", f"http://{self.host}/v2"))
        self.admin.refused("show_api_version", 404, CODE + "4040083", api_version="v9")

    def beginnings(self):
        quota = full(self.admin.call("list_quotas", 200).quotas[0])
        equal((quota.quota_key, quota.used), ("namespace", 0))
        gates = full(self.admin.call("show_share_feature_gates", 200))
        assert all(isinstance(getattr(gates, gate), bool) for gate in gates.openapi_types), gates
        overview = full(self.admin.call("show_domain_overview", 200))
        equal((overview.namspace_num, overview.repo_num, overview.image_num), (0, 0, 0))

    def organization(self):
        name = {"namespace": ORGANIZATION}
        self.admin.refused("create_namespace", 400, CODE + "4001008", body={"namespace": "Not_A_Name"})
        self.admin.call("create_namespace", 201, body=name)
        self.admin.refused("create_namespace", 409, CODE + "4090060", body=name)
        row = full(self.admin.call("list_namespaces", 200).namespaces[0])
        equal((row.name, row.creator_name, row.auth), (ORGANIZATION, "admin", 7))
        self.admin.refused("list_namespaces", 400, CODE + "4001035", filter="nonsense")
        shown = full(self.admin.call("show_namespace", 200, **name))
        equal((shown.id, shown.name), (row.id, row.name))
        self.mary.refused("show_namespace", 404, CODE + "4040058", **name)
        equal(self.admin.call("list_quotas", 200).quotas[0].used, 1)

    def organization_rights(self):
        mary = self.facts["mary"]["id"]
        auths = lambda auth, user=mary: [{"user_id": user, "user_name": "mary", "auth": auth}]
        place = {"namespace": ORGANIZATION}
        self.admin.refused("create_namespace_auth", 400, CODE + "4001065", body=auths(2), **place)
        self.admin.call("create_namespace_auth", 200, body=auths(1), **place)
        self.admin.refused("create_namespace_auth", 409, CODE + "4090076", body=auths(1), **place)
        self.admin.call("update_namespace_auth", 201, body=auths(3), **place)
        self.admin.refused("update_namespace_auth", 404, CODE + "4040078", body=auths(3, "f" * 32), **place)
        shown = full(self.admin.call("show_namespace_auth", 200, **place))
        equal([(row.user_id, row.user_name, row.auth) for row in shown.others_auths], [(mary, "mary", 3)])
        equal((shown.self_auth.user_name, shown.self_auth.auth), ("admin", 7))
        self.guest.refused("show_namespace_auth", 404, CODE + "4040058", **place)
        self.mary.refused("delete_namespace_auth", 403, CODE + "4037017", body=[mary], **place)
        self.admin.call("delete_namespace_auth", 204, body=[mary], **place)

    def repository(self):
        place = {"namespace": ORGANIZATION}
        new = {"repository": IMAGE, "is_public": False, "category": "app_server", "description": "the back end"}
        self.admin.refused("create_repo", 400, CODE + "4001029", body={**new, "repository": "Bad"}, **place)
        self.admin.refused("create_repo", 413, CODE + "4131012", body={**new, "description": "x" * 30001}, **place)
        self.admin.call("create_repo", 200, body=new, **place)
        self.admin.refused("create_repo", 409, CODE + "4090006", body=new, **place)
        shown = full(self.admin.call("show_repository", 200, **self.image))
        equal((shown.name, shown.category, shown.description, shown.is_public), (IMAGE, "app_server", "the back end", False))
        equal((shown.num_images, shown.num_download, shown.size), (0, 0, 0))
        equal((shown.path, shown.url, shown.creator_name), (f"{self.host}/{ORGANIZATION}/{IMAGE}", "", "admin"))
        assert TIME.fullmatch(shown.created) and TIME.fullmatch(shown.updated), shown
        self.admin.refused("show_repository", 404, CODE + "4040010", **self.missing)
        change = {"is_public": False, "description": "mended"}
        self.admin.call("update_repo", 201, body=change, **self.image)
        equal(self.admin.call("show_repository", 200, **self.image).category, "app_server")
        self.admin.refused("update_repo", 404, CODE + "4040010", body=change, **self.missing)
        self.admin.refused("update_repo", 400, CODE + "4000014", body={**change, "category": "toys"}, **self.image)

    def push(self):
        name = f"{ORGANIZATION}/{IMAGE}"
        self.first = self.admin.push(name, "1.0", "first")
        self.second = self.admin.push(name, "1.1", "second")
        subject = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": self.first["digest"],
                   "size": self.first["length"]}
        self.signature = "sha256-" + self.first["digest"].partition(":")[2] + ".sig"
        self.admin.push(name, self.signature, "signature", subject)
        row = next(row for row in rows(self.admin.call("list_repos_details", 200, limit="10", offset="0")))
        full(row)
        equal((row.name, row.namespace, row.num_images, row.total_range), (IMAGE, ORGANIZATION, 3, 1))
        equal(sorted(row.tags), sorted(["1.0", "1.1", self.signature]))
        found = self.admin.call("list_repos_details", 200, filter="name::ack|limit::10|offset::0")
        equal(len(rows(found)), 1)
        equal(rows(self.admin.call("list_repos_details", 200, name="nothing")), [])
        self.admin.refused("list_repos_details", 400, CODE + "4001096", order_column="size", order_type="asc")
        page = self.admin.call("list_repo_details", 200, limit=1)
        equal((page.repos[0].name, page.repos[0].namespace_name, page.next_marker), (IMAGE, ORGANIZATION, None))
        full(page.repos[0])
        self.admin.refused("list_repo_details", 400, CODE + "4000056", limit=1001)
        equal(self.guest.call("list_repo_details", 200).repos, [])

    def tags(self):
        listed = rows(self.admin.call("list_repository_tags", 200, limit="10", offset="0",
                                      order_column="updated_at", order_type="asc", **self.image))
        equal([row.tag for row in listed], ["1.0", "1.1", self.signature])
        row = full(listed[0], "deleted")
        equal((row.digest, row.manifest, row.size), (self.first["digest"], self.first["manifest"], self.first["size"]))
        equal((row.image_id, row.schema, row.tag_type), (self.first["config"].partition(":")[2], 2, 0))
        equal(row.path, f"{self.host}/{ORGANIZATION}/{IMAGE}:1.0")
        equal(rows(self.admin.call("list_repository_tags", 200, limit="10", offset="10", **self.image)), [])
        self.admin.refused("list_repository_tags", 404, CODE + "4040010", **self.missing)
        page = self.admin.call("list_repository_tag", 200, limit=2, with_manifest=True, **self.image)
        equal((len(page.tags), page.has_more), (2, True))
        rest = self.admin.call("list_repository_tag", 200, limit=2, marker=page.next_marker, **self.image)
        equal((len(rest.tags), rest.has_more, rest.next_marker), (1, False, None))
        equal(sorted(row.tag for row in page.tags + rest.tags), sorted(["1.0", "1.1", self.signature]))
        self.admin.refused("list_repository_tag", 404, CODE + "4040010", **self.missing)
        shown = full(self.admin.call("show_repo_tag", 200, tag="1.1", **self.image))
        equal((shown.tag, shown.digest), ("1.1", self.second["digest"]))
        self.admin.refused("show_repo_tag", 404, CODE + "4040115", tag="missing", **self.image)
        copy = {"source_tag": "1.0", "destination_tag": "stable"}
        self.admin.call("create_repo_tag", 201, body=copy, **self.image)
        self.admin.refused("create_repo_tag", 409, CODE + "4090006", body=copy, **self.image)
        self.admin.call("create_repo_tag", 201, body={**copy, "source_tag": "1.1", "override": True}, **self.image)
        equal(self.admin.call("show_repo_tag", 200, tag="stable", **self.image).digest, self.second["digest"])
        self.admin.call("delete_repo_tag", 204, tag="stable", **self.image)
        self.admin.refused("delete_repo_tag", 404, CODE + "4040115", tag="stable", **self.image)
        signed = self.admin.call("list_repo_accessories", 200, tag="1.0", **self.image)
        equal(signed.total, 1)
        accessory = full(signed.accessories[0])
        equal((accessory.sig_tag, accessory.target_digest), (self.signature, self.first["digest"]))
        equal(accessory.type, "signature.cosign")
        self.admin.refused("list_repo_accessories", 404, CODE + "4040115", tag="missing", **self.image)
        equal(self.admin.call("list_references", 200, tag=self.signature, **self.image).tags, ["1.0"])
        self.admin.refused("list_references", 404, CODE + "4040115", tag="missing", **self.image)

    def image_rights(self):
        mary = self.facts["mary"]["id"]
        auths = lambda auth: [{"user_id": mary, "user_name": "mary", "auth": auth}]
        self.mary.refused("show_repository", 404, CODE + "4040010", **self.image)
        self.admin.call("create_user_repository_auth", 201, body=auths(1), **self.image)
        self.admin.refused("create_user_repository_auth", 409, CODE + "4090089", body=auths(1), **self.image)
        self.mary.call("show_repository", 200, **self.image)
        self.mary.refused("delete_repo", 403, CODE + "4037018", **self.image)
        self.admin.call("update_user_repository_auth", 201, body=auths(3), **self.image)
        self.admin.refused("update_user_repository_auth", 400, CODE + "4001065", body=auths(5), **self.image)
        shown = full(self.admin.call("show_user_repository_auth", 200, **self.image))
        equal([(row.user_name, row.auth) for row in shown.others_auths], [("mary", 3)])
        equal(shown.name, IMAGE)
        self.admin.refused("show_user_repository_auth", 404, CODE + "4040010", **self.missing)
        self.admin.call("delete_user_repository_auth", 204, body=[mary], **self.image)
        self.admin.refused("delete_user_repository_auth", 404, CODE + "4040091", body=[mary], **self.image)

    def sharing(self):
        other = self.facts["other"]
        end = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=30)).strftime("%Y-%m-%dT00:00:00Z")
        share = {"access_domain": other, "permit": "read", "deadline": end, "description": "for the guests"}
        pull = f"/v2/{ORGANIZATION}/{IMAGE}/manifests/1.0"
        assert self.guest.registry("GET", pull)[0] in (401, 403, 404)
        self.admin.refused("create_repo_domains", 400, CODE + "4001041", body={**share, "access_domain": "nobody"}, **self.image)
        self.admin.call("create_repo_domains", 201, body=share, **self.image)
        self.admin.refused("create_repo_domains", 409, CODE + "4090089", body=share, **self.image)
        equal(self.guest.registry("GET", pull)[0], 200)
        row = full(rows(self.admin.call("list_repo_domains", 200, **self.image))[0])
        equal((row.namespace, row.repository, row.access_domain, row.permit), (ORGANIZATION, IMAGE, other, "read"))
        equal((row.deadline[:10], row.description, row.status), (end[:10], "for the guests", True))
        self.admin.refused("list_repo_domains", 404, CODE + "4040010", **self.missing)
        shown = full(self.admin.call("show_access_domain", 200, access_domain=other, **self.image))
        equal((shown.exist, shown.status), (True, True))
        self.guest.refused("show_access_domain", 403, CODE + "4037020", access_domain=other, **self.image)
        for person, center in ((self.admin, "self"), (self.guest, "thirdparty")):
            row = full(rows(person.call("list_shared_repos_details", 200, center=center, limit="10", offset="0"))[0])
            equal((row.name, row.status, row.total_range), (IMAGE, True, 1))
            equal(len(person.call("list_shared_repo_details", 200, shared_by=center).repos), 1)
        self.admin.refused("list_shared_repos_details", 400, CODE + "4001025", center="elsewhere")
        self.admin.refused("list_shared_repo_details", 400, CODE + "4001025", shared_by="elsewhere")
        longer = {"permit": "read", "deadline": "forever", "description": ""}
        self.admin.call("update_repo_domains", 201, access_domain=other, body=longer, **self.image)
        equal(self.admin.call("show_access_domain", 200, access_domain=other, **self.image).deadline, "forever")
        self.admin.refused("update_repo_domains", 400, CODE + "4001091", access_domain=other,
                           body={**longer, "permit": "write"}, **self.image)
        self.admin.call("delete_repo_domains", 204, access_domain=other, **self.image)
        self.admin.refused("delete_repo_domains", 400, CODE + "4001090", access_domain=other, **self.image)
        assert self.guest.registry("GET", pull)[0] in (401, 403, 404)

    def sync(self):
        there = {"remote_region_id": "east", "remote_namespace": "copies"}
        self.admin.refused("create_image_sync_repo", 400, CODE + "4000014", body=there, **self.image)
        equal([row.region_id for row in rows(self.admin.call("list_sync_regions", 200))], ["local"])
        # Nothing answers there, so it must be kept without a look.
        region = {"regionID": "east", "registryURL": "https://east.example", "unchecked": True}
        equal(self.admin.extension("POST", "/v2/manage/regions", region)[0], 201)
        equal(sorted(row.region_id for row in rows(self.admin.call("list_sync_regions", 200))), ["east", "local"])
        self.admin.call("create_image_sync_repo", 200, body={**there, "sync_auto": True, "override": False}, **self.image)
        row = full(rows(self.admin.call("list_image_auto_sync_repos_details", 200, **self.image))[0])
        equal((row.namespace, row.repo_name, row.remote_namespace), (ORGANIZATION, IMAGE, "copies"))
        equal((row.remote_region_id, row.sync_auto, row.override), ("east", True, False))
        self.admin.refused("list_image_auto_sync_repos_details", 404, CODE + "4040010", **self.missing)
        self.mary.refused("create_manual_image_sync_repo", 404, CODE + "4040010", **self.image,
                          body={**there, "image_tag": ["1.0"], "override": True})
        sent = self.admin.call("create_manual_image_sync_repo", 200, **self.image,
                               body={**there, "image_tag": ["1.0", "missing"], "override": True})
        equal(rows(sent), ["missing"])
        job = full(rows(self.admin.call("show_sync_job", 200, filter="limit::10|offset::0", **self.image))[0])
        equal((job.tag, job.remote_region_id, job.sync_operator_name), ("1.0", "east", "admin"))
        assert job.status in ("waiting", "running"), job.status
        self.admin.refused("show_sync_job", 400, CODE + "4001036", filter="limit::10", **self.image)
        self.admin.call("delete_image_sync_repo", 200, body=there, **self.image)
        self.admin.refused("delete_image_sync_repo", 400, CODE + "4001158", body=there, **self.image)

    def triggers(self):
        trigger = {"name": "roll-out", "trigger_type": "tag", "condition": "1.0", "action": "update", "enable": "true",
                   "app_type": "deployments", "application": "back-end", "cluster_ns": "default",
                   "cluster_id": "c1", "cluster_name": "west", "container": "main", "trigger_mode": "cce"}
        self.admin.refused("create_trigger", 400, CODE + "4000014", body=trigger, **self.image)
        cluster = {"cluster_id": "c1", "cluster_name": "west", "server": "https://c1.example:6443", "token": "abc"}
        kept = self.admin.extension("POST", "/v2/manage/clusters", cluster, query=[("unchecked", "true")])
        equal(kept[0], 201)
        self.admin.call("create_trigger", 201, body=trigger, **self.image)
        self.admin.refused("create_trigger", 409, CODE + "4090006", body=trigger, **self.image)
        place = {**self.image, "trigger": "roll-out"}
        shown = self.admin.call("show_trigger", 200, **place)
        full(shown)
        equal((shown.enable, shown.condition, shown.creator_name, shown.trigger_history), ("true", "1.0", "admin", []))
        self.admin.refused("show_trigger", 404, CODE + "4040126", **self.image, trigger="missing")
        equal([row.name for row in rows(self.admin.call("list_triggers_details", 200, **self.image))], ["roll-out"])
        self.admin.refused("list_triggers_details", 404, CODE + "4040010", **self.missing)
        self.admin.call("update_trigger", 201, body={"enable": "false"}, **place)
        equal(self.admin.call("show_trigger", 200, **place).enable, "false")
        self.admin.refused("update_trigger", 400, CODE + "4000014", body={"enable": "perhaps"}, **place)
        self.admin.call("delete_trigger", 204, **place)
        self.admin.refused("delete_trigger", 404, CODE + "4040126", **place)

    def retention(self):
        rule = lambda **params: {"algorithm": "or", "rules": [
            {"template": "tag_rule" if "num" in params else "date_rule", "params": params,
             "tag_selectors": [{"kind": "label", "pattern": "1.0"}]}]}
        self.admin.refused("create_retention", 400, CODE + "4000014", body=rule(num="0"), **self.image)
        created = self.admin.call("create_retention", 201, body=rule(num="1000"), **self.image).id
        place = {**self.image, "retention_id": created}
        shown = full(self.admin.call("show_retention", 200, **place))
        equal((shown.algorithm, shown.rules[0].template, shown.rules[0].params), ("or", "tag_rule", {"num": "1000"}))
        equal(rows(self.admin.call("list_retentions", 200, **self.image))[0].id, created)
        self.admin.refused("list_retentions", 404, CODE + "4040010", **self.missing)
        self.admin.call("update_retention", 201, body=rule(num="999"), **place)
        self.admin.refused("update_retention", 400, CODE + "4000014", body=rule(days="30"), **place)
        histories = self.admin.call("list_retention_histories", 200, limit="10", offset="0", **self.image)
        equal((histories.total, histories.retention_log), (0, []))
        self.admin.refused("list_retention_histories", 404, CODE + "4040010", **self.missing)
        self.admin.call("delete_retention", 200, **place)
        self.admin.refused("delete_retention", 400, CODE + "4000306", **place)
        self.admin.refused("show_retention", 400, CODE + "4000306", **place)

    def logins(self):
        made = self.admin.call("create_secret", 200, projectname="local")
        self.admin.refused("create_secret", 400, CODE + "4000014", projectname="elsewhere")
        enhanced = self.admin.call("create_authorization_token", 200)
        for login, user_form in ((made, r"local@\S+"), (enhanced, r"bearertoken@\S+")):
            command = re.fullmatch(r"docker login -u (\S+) -p (\S+) (\S+)", login.x_swr_dockerlogin)
            user, password, host = command.groups()
            assert re.fullmatch(user_form, user), user
            equal(host, self.host)
            equal(base64.b64decode(login.auths[host].auth).decode(), f"{user}:{password}")
            assert TIME.fullmatch(login.x_swr_expireat), login.x_swr_expireat
            equal(self.admin.registry("GET", "/v2/", login=(user, password))[0], 200)
            self.login = self.login or {"user": user, "password": password}

    def agency(self):
        equal(self.admin.call("check_agency", 200).is_agency, False)
        self.admin.call("create_agency", 204)
        equal(self.admin.call("check_agency", 200).is_agency, True)
        self.admin.refused("create_agency", 409, CODE + "4090089")

    def statistics(self):
        overview = full(self.admin.call("show_domain_overview", 200))
        equal((overview.namspace_num, overview.repo_num, overview.image_num), (1, 1, 3))
        for resource in ("store", "downflow"):
            series = rows(self.admin.call("show_domain_resource_reports", 200, resource_type=resource, frequency="daily"))
            assert series and all(re.fullmatch(r"\d{4}-\d\d-\d\d", point.date) for point in series), series
        self.admin.refused("show_domain_resource_reports", 400, CODE + "4000014", resource_type="guests", frequency="daily")

    def end(self):
        self.admin.refused("delete_namespaces", 406, CODE + "4060074", namespace=ORGANIZATION)
        self.admin.call("delete_repo", 204, **self.image)
        self.admin.refused("delete_repo", 404, CODE + "4040010", **self.image)
        self.admin.call("delete_namespaces", 204, namespace=ORGANIZATION)
        self.admin.refused("delete_namespaces", 404, CODE + "4040058", namespace=ORGANIZATION)

    def strangers(self):
        """What takes nothing that could be wrong refuses who signs with a wrong key, as everything does."""
        key = dict(self.facts["admin"])
        wrong = Person("http://" + self.host, {**key, "secret_access_key": key["secret_access_key"] + "x"})
        open_to_all = {"list_api_versions", "show_api_version"}
        for operation in sorted(set(OPERATIONS) - refused - open_to_all):
            message = wrong.refused(operation, 401, "APIGW.0301")
            assert message.startswith("Incorrect IAM authentication information"), message

    def run(self):
        for chapter in (self.versions, self.beginnings, self.organization, self.organization_rights, self.repository,
                        self.push, self.tags, self.image_rights, self.sharing, self.sync, self.triggers, self.retention,
                        self.logins, self.agency, self.statistics, self.end, self.strangers):
            print(chapter.__name__, flush=True)
            chapter()
        equal(sorted(set(OPERATIONS) - called), [])
        equal(sorted(set(OPERATIONS) - refused - {"list_api_versions"}), [])
        print(json.dumps(self.login))


if __name__ == "__main__":
    Story(sys.argv[1], json.loads(sys.argv[2])).run()
