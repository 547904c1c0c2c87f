//! What the file may say, and what it may not.

use std::fs;

use reqwest::Method;

use super::*;

/// A file in a folder of its own, with others beside it.
fn read(text: &str, others: &[(&str, &str)]) -> Result<HttpConfig, String> {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, content) in others {
        fs::write(folder.path().join(name), content).expect("written");
    }
    let file = folder.path().join("http.toml");
    fs::write(&file, text).expect("written");
    let prefix = format!("{}/", folder.path().display());
    HttpConfig::read(Some(&file), None).map_err(|error| error.to_string().replace(&prefix, ""))
}

/// The headers of a request, as lines.
fn sent(config: &HttpConfig, url: &str) -> Vec<String> {
    let mut request = Request::new(Method::GET, Url::parse(url).expect("a URL"));
    request.headers_mut().insert("accept", "image/*".parse().expect("a value"));
    config.dress(&mut request);
    let mut lines: Vec<String> = request
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    lines.sort();
    lines
}

#[test]
fn everything_goes_to_its_hosts_and_nowhere_else() {
    let config = read(
        "cookies = \"cookies.txt\"\n\
         [[send]]\n\
         for = \"*\"\n\
         headers = { Accept-Language = \"de\", Accept = \"image/avif\" }\n\
         [[send]]\n\
         for = [\"example.org\", \"http://127.0.0.1:8080\"]\n\
         headers = { X-Key = \"one\" }\n\
         bearer = \"t0ken\"\n\
         [[send]]\n\
         for = \"*.example.org\"\n\
         basic = { user = \"Aladdin\", password-file = \"password\" }\n\
         [[send]]\n\
         for = \"b.example.org\"\n\
         headers = { X-Key = \"two\", Accept-Language = \"en\" }\n",
        &[
            ("password", "open sesame\n"),
            ("cookies.txt", "example.org\tFALSE\t/\tTRUE\t0\tsession\t42\nother.example\tFALSE\t/\tFALSE\t0\ta\tb\n"),
        ],
    );
    let config = config.expect("a good file");
    let everybody = ["accept-language: de", "accept: image/avif"];
    for url in ["http://example.org/", "https://notexample.org/", "http://127.0.0.1/"] {
        assert_eq!(sent(&config, url), everybody, "{url}");
    }
    // A cookie knows no ports.
    assert_eq!(sent(&config, "https://example.org:444/"), [everybody[0], everybody[1], "cookie: session=42"]);
    assert_eq!(
        sent(&config, "https://example.org/a.png"),
        [everybody[0], everybody[1], "authorization: Bearer t0ken", "cookie: session=42", "x-key: one"]
    );
    assert_eq!(
        sent(&config, "http://127.0.0.1:8080/"),
        [everybody[0], everybody[1], "authorization: Bearer t0ken", "x-key: one"]
    );
    // RFC 7617's own example.
    let basic = "authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
    assert_eq!(sent(&config, "https://a.example.org/"), [everybody[0], everybody[1], basic]);
    assert_eq!(sent(&config, "https://b.example.org/"), ["accept-language: en", everybody[1], basic, "x-key: two"]);
    assert_eq!(sent(&config, "http://other.example/"), [everybody[0], everybody[1], "cookie: a=b"]);
}

#[test]
fn what_is_sent_is_marked_as_secret_and_not_shown() {
    let config = read(
        "cookies = \"c\"\n[[send]]\nfor = \"example.org\"\nheaders = { X-Key = \"s3cret\" }\nbearer = \"s3cret\"\n\
         [[connect]]\nfor = \"*\"\nproxy = \"http://me:s3cret@proxy.example:3128\"\n",
        &[("c", "example.org\tFALSE\t/\tFALSE\t0\ts3cret\ts3cret\n")],
    );
    let config = config.expect("a good file");
    let mut request = Request::new(Method::GET, Url::parse("https://example.org/").expect("a URL"));
    config.dress(&mut request);
    assert_eq!(request.headers().len(), 3);
    assert!(request.headers().values().all(reqwest::header::HeaderValue::is_sensitive), "{:?}", request.headers());
    assert!(!format!("{config:?} {request:?}").contains("s3cret"), "{config:?}");
}

#[test]
fn the_last_table_for_a_host_says_how_to_connect() {
    let config = read(
        "[[connect]]\nfor = \"*\"\nproxy = \"http://proxy.example:3128\"\n\
         [[connect]]\nfor = [\"*.intern.example\"]\nproxy = \"direct\"\n\
         [[connect]]\nfor = \"x.intern.example\"\nproxy = \"socks5h://[::1]:1080/\"\nproxy-checks-addresses = true\n",
        &[],
    );
    let config = config.expect("a good file");
    let proxy = |url: &str| {
        let way = config.ways().nth(config.way(&Url::parse(url).expect("a URL"))).expect("a way");
        way.proxy().map(|proxy| (format!("{proxy:?}"), proxy.checks_addresses()))
    };
    assert_eq!(proxy("http://example.org:81/"), Some(("http://proxy.example".to_owned(), false)));
    assert_eq!(proxy("http://a.intern.example/"), None);
    assert_eq!(proxy("https://x.intern.example/"), Some(("socks5h://[::1]".to_owned(), true)));

    let proxy = Proxy::parse("http://proxy.example:3128").expect("a proxy");
    let config = HttpConfig::read(None, Some(proxy.clone())).expect("nothing to read");
    assert_eq!(config.ways().next().and_then(Connect::proxy), Some(&proxy));
}

#[test]
fn mistakes_are_named_by_file_line_and_key_and_no_value_is_shown() {
    for (text, expected) in [
        ("a = \"s3cret\"", "http.toml, line 1, a: no such key; there are cookies, send, connect"),
        (
            "\nsend = 3",
            "http.toml, line 2, send: it takes tables, each headed by [[...]], and this is of the type integer",
        ),
        ("\n[[send]]\nbearer = \"s3cret", "http.toml, line 3: this is no TOML"),
        ("[[send]]\nbearer = \"s3cret\"", "http.toml, line 1, send: for is missing"),
        ("[[send]]\nfor = \"a/s3cret\"\nbearer = \"x\"", "http.toml, line 2, send.for: a pattern is a host"),
        ("[[send]]\nfor = \"a\"\n", "http.toml, line 1, send: there is nothing to send"),
        ("[[send]]\nfor = \"a\"\nbearer = 31337", "http.toml, line 3, send.bearer: it takes text in quotation marks"),
        ("[[send]]\nfor = \"a\"\nbearer = \"s3cret\\n\"", "http.toml, line 3, send.bearer: a token is printable"),
        ("[[send]]\nfor = \"a\"\nbearer = \"\"", "http.toml, line 3, send.bearer: a token is printable and not empty"),
        ("[[send]]\nfor = \"a\"\nbearer-file = \"none\"", "none: it cannot be read: No such file"),
        ("[[send]]\nfor = \"a\"\nbearer = \"s3cret\"\nbearer-file = \"f\"", "send.bearer: give bearer or bearer-file"),
        ("[[send]]\nfor = \"*\"\nbearer = \"s3cret\"", "send: credentials for * would be told to every host"),
        (
            "[[send]]\nfor = \"a\"\nbearer = \"s3cret\"\nbasic = { user = \"u\", password = \"s3cret\" }",
            "send: a request has one Authorization",
        ),
        ("[[send]]\nfor = \"a\"\nbasic = { password = \"s3cret\" }", "http.toml, line 3, basic: user is missing"),
        (
            "[[send]]\nfor = \"a\"\nbasic = { user = \"s3:cret\", password = \"\" }",
            "basic.user: a user's name has no colon",
        ),
        ("[[send]]\nfor = \"a\"\nheaders = \"s3cret\"", "http.toml, line 3, send.headers: it takes a table"),
        ("[[send]]\nfor = \"a\"\nheaders = { \"a b\" = \"s3cret\" }", "\"a b\" is no header's name"),
        ("[[send]]\nfor = \"a\"\nheaders = { X = \"s3cret\\u0000\" }", "the value of x has characters"),
        (
            "[[send]]\nfor = \"a\"\n[send.headers]\nHost = \"s3cret\"",
            "http.toml, line 4, send.headers: host cannot be set here",
        ),
        ("[[send]]\nfor = \"a\"\nheaders = { Cookie = \"s3cret\" }", "send.headers: cookies come from a file"),
        (
            "[[send]]\nfor = \"a\"\nheaders = { Content-Length = \"1\" }",
            "content-length cannot be set here: requests have no",
        ),
        (
            "[[send]]\nfor = \"a\"\nheaders = { user-agent = \"me\" }",
            "user-agent cannot be set here: --user-agent sets it",
        ),
        ("cookies = \"cookies\"", "cookies, line 2: a cookie has seven fields"),
        (
            "[[connect]]\nfor = \"a\"\nproxy = \"ftp://u:s3cret@h\"",
            "http.toml, line 3, connect.proxy: a proxy is http://",
        ),
        (
            "[[connect]]\nfor = \"a\"\nproxy-checks-addresses = true",
            "connect: proxy-checks-addresses is said of a proxy",
        ),
        ("[[connect]]\nfor = \"a\"\nproxy-checks-addresses = \"yes\"", "it takes true or false"),
        ("[[connect]]\nfor = \"a\"\nca = [\"cookies\"]", "http.toml, line 3, connect.ca: the file has no certificate"),
        ("[[connect]]\nfor = \"a\"\nca = \"pem\"", "connect: these certificates cannot be used"),
        ("[[connect]]\nfor = \"a\"\ncertificate = \"pem\"", "connect.certificate: key is missing"),
        ("[[connect]]\nfor = \"a\"\nkey = \"pem\"", "connect.key: certificate is missing"),
        (
            "[[connect]]\nfor = \"a\"\nkey = \"pem\"\ncertificate = \"pem\"",
            "connect.certificate: the files have no certificate",
        ),
    ] {
        crate::http::install_tls_provider();
        let pem = "-----BEGIN CERTIFICATE-----\nczNjcmV0\n-----END CERTIFICATE-----\n";
        let others = [("cookies", "# s3cret\nexample.org\ts3cret\n"), ("pem", pem), ("f", "s3cret")];
        let error = read(text, &others).expect_err(text);
        assert!(error.contains(expected), "{text:?}: {error}");
        assert!(!error.contains("s3cret") && !error.contains("31337"), "{error}");
    }
}

#[test]
fn a_file_that_is_too_long_or_no_text_is_refused() {
    let error = read(&"#".repeat((4 << 20) + 1), &[]).expect_err("too long");
    assert!(error.contains("longer than 4 MiB"), "{error}");
    assert!(read(&"#".repeat(4 << 20), &[]).is_ok(), "just as long as is taken");
    let folder = tempfile::tempdir().expect("a folder");
    let error = HttpConfig::read(Some(folder.path()), None).expect_err("no file").to_string();
    assert!(error.contains("cannot be read"), "{error}");
}
