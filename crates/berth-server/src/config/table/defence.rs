//! The settings that hold off who asks for too much, and keep what they leave from filling the disk.

use super::NONE;
use crate::config::setting::Setting;

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "limits.audit_events_max",
        default: "500000",
        otherwise: NONE,
        help: "Most events of an account's audit trail that are kept: of changes, of pushes and of refusals each. The oldest go first. An event takes about 1 KB.",
        field: |s| &mut s.limits.audit_events_max,
    },
    Setting {
        key: "limits.rate_push_account",
        default: NONE,
        otherwise: "any number",
        help: "How many requests that push or delete all users of an account together may make in a time. An image takes three for each layer and one or two more. Each process counts by itself.",
        field: |s| &mut s.limits.defence.push.account,
    },
    Setting {
        key: "limits.rate_push_user",
        default: NONE,
        otherwise: "any number",
        help: "How many requests that push or delete one user may make in a time.",
        field: |s| &mut s.limits.defence.push.user,
    },
    Setting {
        key: "limits.rate_push_address",
        default: NONE,
        otherwise: "any number",
        help: "How many requests that push or delete may come from one address in a time, before anybody is recognised. Of IPv6 all addresses with the same first 64 bits count as one.",
        field: |s| &mut s.limits.defence.push.address,
    },
    Setting {
        key: "limits.rate_pull_account",
        default: NONE,
        otherwise: "any number",
        help: "How many requests that pull all users of an account together may make in a time.",
        field: |s| &mut s.limits.defence.pull.account,
    },
    Setting {
        key: "limits.rate_pull_user",
        default: NONE,
        otherwise: "any number",
        help: "How many requests that pull one user may make in a time.",
        field: |s| &mut s.limits.defence.pull.user,
    },
    Setting {
        key: "limits.rate_pull_address",
        default: NONE,
        otherwise: "any number",
        help: "How many requests that pull may come from one address in a time, before anybody is recognised.",
        field: |s| &mut s.limits.defence.pull.address,
    },
    Setting {
        key: "limits.rate_api_account",
        default: NONE,
        otherwise: "any number",
        help: "How many requests to the management API, logins of clients among them, all users of an account together may make in a time.",
        field: |s| &mut s.limits.defence.api.account,
    },
    Setting {
        key: "limits.rate_api_user",
        default: NONE,
        otherwise: "any number",
        help: "How many requests to the management API, logins of clients among them, one user may make in a time.",
        field: |s| &mut s.limits.defence.api.user,
    },
    Setting {
        key: "limits.rate_api_address",
        default: NONE,
        otherwise: "any number",
        help: "How many requests to the management API, logins of clients among them, may come from one address in a time, before anybody is recognised.",
        field: |s| &mut s.limits.defence.api.address,
    },
    Setting {
        key: "limits.rate_wait_max",
        default: "10s",
        otherwise: NONE,
        help: "How long a request beyond a rate is held back until its turn comes; one that would have to wait longer is refused with 429 and Retry-After. Clients try again few times, and at once.",
        field: |s| &mut s.limits.defence.rate_wait_max,
    },
    Setting {
        key: "limits.shut_out_after",
        default: NONE,
        otherwise: "nobody is shut out",
        help: "How many requests may be refused for their rate in a time before their account, or their address if they do not log in, is shut out: no login, no push, no pull.",
        field: |s| &mut s.limits.defence.shut_out_after,
    },
    Setting {
        key: "limits.shut_out_for",
        default: "30m",
        otherwise: NONE,
        help: "How long somebody is shut out. An administrator of the account that runs the registry can lift it.",
        field: |s| &mut s.limits.defence.shut_out_for,
    },
    Setting {
        key: "limits.bandwidth",
        default: NONE,
        otherwise: "as much as the network takes",
        help: "Bytes of blobs that this process sends in a second at most. Accounts that download at one time have equal shares, and so has each address of those who do not log in.",
        field: |s| &mut s.limits.defence.bandwidth,
    },
    Setting {
        key: "limits.connections_per_address",
        default: "0",
        otherwise: NONE,
        help: "Most connections at one time from one address, 0 for any number; one more is closed at once. Trusted proxies have as many as they need.",
        field: |s| &mut s.limits.defence.connections_per_address,
    },
    Setting {
        key: "limits.response_rate_min",
        default: "512B",
        otherwise: NONE,
        help: "Bytes a second of a response that a client takes at least, on average over limits.response_stall_timeout, before its connection ends; 0 is none.",
        field: |s| &mut s.limits.defence.response_rate_min,
    },
];
