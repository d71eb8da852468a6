//! Configuration files: what they say, and how a mistake in one is told.

use core::time::Duration;

use bowline_gateway::config::{
    Config, ConfigError, Durability, KeySource, LogFormat, Retention, Secret, TlsFiles, TokenKey,
};

#[test]
fn an_empty_file_is_the_default() {
    assert_eq!(Config::from_toml("").unwrap(), Config::default());
    Config::default().check().unwrap();
}

#[test]
fn every_key_is_read() {
    let config = Config::from_toml(
        r#"
        listen = "0.0.0.0:9000"
        admin = "off"
        data_dir = "/var/lib/bowline"
        durability = "os"
        heartbeat = "20s"
        max_duration = "1h30m"
        ticket_ttl = "10s"
        token_in_url = false
        allowed_origins = ["https://app.example.com"]
        tls_cert = "cert.pem"
        tls_key = "key.pem"
        shards = 3
        drain_window = "1m"
        log_format = "json"

        [retention]
        age = "1d"
        bytes = "off"

        [limits]
        message_bytes = "32KiB"
        depth = 16
        topics_per_frame = 50
        agent_sockets = 3
        human_sockets = 10
        service_sockets = 30
        path_sockets = 40

        [auth]
        algorithm = "HS256"
        secret = "s3cret-s3cret-s3cret-s3cret-s3cret"
        audience = "gateway"
        issuer = "us"
        leeway = "1s"

        [paths]
        "/rooms/{room}" = ["room:{room}", "presence:{account}"]
        "#,
    )
    .unwrap();
    let default = Config::default();
    assert_eq!(config.listen, "0.0.0.0:9000".parse().unwrap());
    assert_eq!(config.admin, None);
    assert_eq!(config.data_dir.to_str(), Some("/var/lib/bowline"));
    assert_eq!(config.durability, Durability::Os);
    assert_eq!(config.heartbeat, Duration::from_secs(20));
    assert_eq!(config.max_duration, Duration::from_secs(5400));
    assert_eq!(config.ticket_ttl, Duration::from_secs(10));
    assert!(!config.token_in_url && default.token_in_url);
    assert_eq!(config.allowed_origins, ["https://app.example.com"]);
    assert_eq!(config.tls, Some(TlsFiles { cert: "cert.pem".into(), key: "key.pem".into() }));
    assert_eq!(config.shards, Some(3));
    assert_eq!(config.drain_window, Duration::from_secs(60));
    assert_eq!(config.log_format, LogFormat::Json);
    assert_eq!(config.retention, Retention { age: Some(Duration::from_secs(86_400)), bytes: None });
    let limits = config.limits;
    assert_eq!((limits.message_bytes, limits.depth, limits.topics_per_frame), (32 * 1024, 16, 50));
    assert_eq!((limits.agent_sockets, limits.human_sockets), (3, 10));
    assert_eq!((limits.service_sockets, limits.path_sockets), (30, 40));
    let secret = Secret::new("s3cret-s3cret-s3cret-s3cret-s3cret");
    assert_eq!(config.auth.key, Some(TokenKey::Hs256(KeySource::Inline(secret))));
    assert_eq!(
        (config.auth.audience.as_deref(), config.auth.issuer.as_deref()),
        (Some("gateway"), Some("us"))
    );
    assert_eq!(config.auth.leeway, Duration::from_secs(1));
    assert_eq!(config.paths["/rooms/{room}"], ["room:{room}", "presence:{account}"]);
    assert!(!format!("{config:?}").contains("s3cret"));
}

#[test]
fn keys_stand_in_files_of_their_own() {
    for (text, expected) in [
        ("secret_file = \"s\"", TokenKey::Hs256(KeySource::File("s".into()))),
        ("algorithm = \"EdDSA\"\npublic_key_file = \"p\"", TokenKey::EdDsa(KeySource::File("p".into()))),
        ("algorithm = \"RS256\"\npublic_key_file = \"p\"", TokenKey::Rs256(KeySource::File("p".into()))),
    ] {
        let config = Config::from_toml(&format!("[auth]\n{text}")).unwrap();
        assert_eq!(config.auth.key, Some(expected));
    }
}

#[test]
fn an_unknown_key_is_named_with_its_table_and_the_nearest_known_one() {
    for (text, expected) in [
        ("heartbeet = \"15s\"", ("heartbeet", "the top level", Some("heartbeat"))),
        ("max-duration = \"15s\"", ("max-duration", "the top level", Some("max_duration"))),
        ("zzz = 1", ("zzz", "the top level", None)),
        ("[limit]\ndepth = 3", ("limit", "the top level", Some("limits"))),
        ("[limits]\nagents_socket = 3", ("agents_socket", "[limits]", Some("agent_sockets"))),
        ("[auth]\nsecretfile = \"x\"", ("secretfile", "[auth]", Some("secret_file"))),
        ("[retention]\ndays = 7", ("days", "[retention]", None)),
    ] {
        let error = Config::from_toml(text).unwrap_err();
        let ConfigError::UnknownKey { key, table, nearest, .. } = &error else { panic!("{text}: {error}") };
        assert_eq!((key.as_str(), table.as_str(), *nearest), expected, "{text}");
    }
    let message = Config::from_toml("[limits]\nagents_socket = 3").unwrap_err().to_string();
    assert_eq!(message, "unknown key `agents_socket` in [limits]; did you mean `agent_sockets`?");
    let message = Config::from_toml("[retention]\ndays = 7").unwrap_err().to_string();
    assert_eq!(message, "unknown key `days` in [retention]; known are: age, bytes");
}

#[test]
fn a_value_of_the_wrong_type_names_its_key_and_what_is_expected() {
    for (text, message) in [
        ("heartbeat = 15", "`heartbeat` must be a duration such as \"15s\", not a whole number"),
        ("token_in_url = \"yes\"", "`token_in_url` must be true or false, not a text"),
        ("listen = 8787", "`listen` must be an address such as \"127.0.0.1:8787\", not a whole number"),
        ("limits = 3", "`limits` must be a table, not a whole number"),
        ("allowed_origins = \"*\"", "`allowed_origins` must be a list of texts, not a text"),
        ("allowed_origins = [1]", "`allowed_origins` must be a list of texts, not a whole number"),
        ("[limits]\ndepth = 1.5", "`limits.depth` must be a whole number, not a number with a fraction"),
        ("[paths]\n\"/x\" = \"a:b\"", "`paths.\"/x\"` must be a list of texts, not a text"),
        ("data_dir = 2026-11-22", "`data_dir` must be a text, not a date"),
        (
            "[retention]\nage = []",
            "`retention.age` must be a duration such as \"7d\", or \"off\", not a list",
        ),
    ] {
        let error = Config::from_toml(text).unwrap_err();
        assert!(matches!(error, ConfigError::WrongType { .. }), "{text}: {error:?}");
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn a_value_that_makes_no_sense_says_what_to_do() {
    for (text, key, advice) in [
        ("heartbeat = \"15\"", "heartbeat", "a number and a unit"),
        ("heartbeat = \"10ms\"", "heartbeat", "at least 1s"),
        ("max_duration = \"30s\"", "max_duration", "four heartbeats"),
        ("listen = \"localhost\"", "listen", "an IP address and a port"),
        ("admin = \"127.0.0.1:8787\"", "admin", "another port"),
        ("durability = \"disk\"", "durability", "\"fsync\", \"os\", \"memory\""),
        ("shards = 0", "shards", "from 1"),
        ("tls_cert = \"x\"", "tls_key", "TLS needs"),
        ("tls_key = \"x\"", "tls_cert", "TLS needs"),
        ("allowed_origins = [\"app.example.com\"]", "allowed_origins", "as a browser sends it"),
        ("[limits]\nmessage_bytes = 10", "limits.message_bytes", "from 1KiB"),
        ("[limits]\nmessage_bytes = -1", "limits.message_bytes", "negative"),
        ("[limits]\nmessage_bytes = \"1GiB\"", "limits.message_bytes", "to 16MiB"),
        ("[limits]\ndepth = 1000", "limits.depth", "to 100"),
        ("[limits]\nagent_sockets = -2", "limits.agent_sockets", "out of range"),
        ("[retention]\nage = \"1s\"", "retention.age", "at least \"1m\""),
        ("[retention]\nbytes = \"1KiB\"", "retention.bytes", "at least \"1MiB\""),
        ("[auth]\nalgorithm = \"none\"", "auth.algorithm", "\"HS256\", \"EdDSA\", \"RS256\""),
        ("[auth]\nalgorithm = \"HS256\"", "auth.algorithm", "`secret_file`"),
        ("[auth]\nalgorithm = \"EdDSA\"\nsecret = \"x\"", "auth.algorithm", "`public_key_file`"),
        ("[auth]\npublic_key_file = \"x\"", "auth.algorithm", "say which one"),
        ("[auth]\nsecret = \"x\"\nsecret_file = \"y\"", "auth.secret_file", "keep one"),
        ("[paths]\n\"/x\" = []", "paths", "at least one"),
        ("[paths]\n\"/x/{y}\" = [\"a:{z}\"]", "paths", "does not capture"),
    ] {
        let error = Config::from_toml(text).unwrap_err();
        let ConfigError::Invalid { key: named, problem } = &error else { panic!("{text}: {error:?}") };
        assert_eq!(named, key, "{text}");
        assert!(problem.contains(advice), "{text}: {problem}");
    }
}

#[test]
fn a_syntax_error_names_the_line_and_quotes_nothing() {
    let error = Config::from_toml("listen = \"0.0.0.0:1\"\n[auth]\nsecret = \"hidden").unwrap_err();
    assert!(matches!(error, ConfigError::Syntax { line: 3, .. }), "{error:?}");
    assert!(!error.to_string().contains("hidden"), "{error}");
}

#[test]
fn a_file_that_is_wrong_or_cannot_be_read_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing.toml");
    let message = Config::load(&missing).unwrap_err().to_string();
    assert!(message.contains("missing.toml") && message.contains("No such file"), "{message}");

    let path = dir.path().join("bowline.toml");
    std::fs::write(&path, "shard = 2").unwrap();
    let message = Config::load(&path).unwrap_err().to_string();
    assert!(
        message.ends_with("bowline.toml: unknown key `shard` in the top level; did you mean `shards`?"),
        "{message}"
    );

    std::fs::write(&path, "shards = 2").unwrap();
    assert_eq!(Config::load(&path).unwrap().shards, Some(2));
}
