//! What of such a file is read, and what is refused.

use super::*;

const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
const KEY: &str = "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n";

fn file(cluster: &str, user: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: one\n\
         contexts:\n- name: one\n  context: {{cluster: c, user: u, namespace: shop}}\n\
         - name: lost\n  context: {{cluster: nowhere, user: u}}\n\
         clusters:\n- name: c\n  cluster: {{server: \"https://10.0.0.1:6443\"{cluster}}}\n\
         users:\n- name: u\n  user: {{{user}}}\n"
    )
}

fn check(cluster: &str, user: &str, expected: Result<(), &str>) {
    match (Kubeconfig::read(&file(cluster, user), None), expected) {
        (Ok(_), Ok(())) => {}
        (Err(error), Err(says)) => {
            let said = error.to_string();
            assert!(said.contains(says), "{user}: {said}");
            assert!(!said.contains("hush"), "{said}");
        }
        (found, _) => panic!("{cluster} {user}: {found:?}"),
    }
}

#[test]
fn what_reads_files_or_runs_programs_is_refused() {
    check("", "token: hush", Ok(()));
    let both = format!(
        "client-certificate-data: {}, client-key-data: {}",
        STANDARD.encode(CERTIFICATE),
        STANDARD.encode(KEY)
    );
    check("", &both, Ok(()));
    check(
        "",
        "token: hush, exec: {apiVersion: a, command: /bin/sh}",
        Err("signs in with a program"),
    );
    check(
        "",
        "token: hush, auth-provider: {name: gcp}",
        Err("auth-provider"),
    );
    check("", "tokenFile: /etc/shadow", Err("tokenFile is a path"));
    check(
        "",
        "token: hush, tokenFile: /etc/shadow",
        Err("tokenFile is a path"),
    );
    check(
        "",
        "client-certificate: /a, client-key-data: aHVzaA==",
        Err("client-certificate is a path"),
    );
    check(
        "",
        "client-certificate-data: aHVzaA==, client-key: /a",
        Err("client-key is a path"),
    );
    check("", "token: hush, as: admin", Err("acts as another"));
    check("", "username: a, password: hush", Err("neither a token nor"));
    check(
        "",
        "client-certificate-data: aHVzaA==, client-key-data: aHVzaA==",
        Err("no PEM in base64"),
    );
    check(
        "",
        "client-certificate-data: '*', client-key-data: '*'",
        Err("no PEM in base64"),
    );
    check(
        ", certificate-authority: /a",
        "token: hush",
        Err("certificate-authority is a path"),
    );
    check(
        ", insecure-skip-tls-verify: true",
        "token: hush",
        Err("insecure-skip-tls-verify"),
    );
    check(", insecure-skip-tls-verify: false", "token: hush", Ok(()));
    check(
        ", proxy-url: \"http://127.0.0.1\"",
        "token: hush",
        Err("proxy-url"),
    );
    check(", tls-server-name: a", "token: hush", Err("tls-server-name"));
}

#[test]
fn the_context_in_question_is_read() {
    let authority = format!(", certificate-authority-data: {}", STANDARD.encode(CERTIFICATE));
    let text = file(&authority, "token: hush");
    let found = Kubeconfig::read(&text, None).unwrap();
    assert_eq!(found.place.server, "https://10.0.0.1:6443");
    assert_eq!(found.place.certificate_authority, CERTIFICATE);
    assert!(matches!(&found.place.credential, Credential::Token(token) if token == "hush"));
    assert!(!format!("{found:?}").contains("hush"));
    for (text, context, says) in [
        (
            text.as_str(),
            Some("two"),
            "no context 'two': it has 'one', 'lost'",
        ),
        (text.as_str(), Some("lost"), "no cluster 'nowhere'"),
        ("", None, "no current-context"),
        ("hush: [", None, "no YAML of that kind"),
        ("- hush", None, "no YAML of that kind"),
        (&"a".repeat(LENGTH_MAX + 1), None, "more than"),
    ] {
        let said = Kubeconfig::read(text, context).unwrap_err().to_string();
        assert!(said.contains(says), "{said}");
        assert!(!said.contains("hush"), "{said}");
    }
}

#[test]
fn aliases_of_aliases_do_not_fill_the_memory() {
    let level = |n: i32| format!("a{n}: &a{n} [{}]", vec![format!("*a{}", n - 1); 10].join(","));
    let lines: Vec<String> = (1..12).map(level).collect();
    let text = format!("a0: &a0 [x]\n{}\n", lines.join("\n"));
    let said = Kubeconfig::read(&text, None).unwrap_err().to_string();
    assert!(said.contains("no YAML of that kind"), "{said}");
}
