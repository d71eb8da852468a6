//! `GET /v1/openapi.yaml`: what this API is, for tools and people.

use axum::http::header;
use axum::response::{IntoResponse, Response};

/// The document. `docs/openapi.yaml` is a link to it.
const DOCUMENT: &str = include_str!("../../openapi.yaml");
/// RFC 9512.
const YAML: &str = "application/yaml";

pub(crate) async fn read() -> Response {
    ([(header::CONTENT_TYPE, YAML)], DOCUMENT).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::Value;

    use super::DOCUMENT;
    use crate::http::{admin, router};
    use crate::paths;
    use crate::problem_code::ProblemCode;

    const PROTOCOL: &str = include_str!("../../../../docs/protocol.md");

    fn document() -> Value {
        serde_saphyr::from_str(DOCUMENT).expect("the document is YAML")
    }

    #[test]
    fn the_document_has_the_routers_paths_and_no_other() {
        let document = document();
        let listed: BTreeSet<&str> =
            document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
        let api = router::routes().map(|(path, _)| path);
        let admin = admin::routes().map(|(path, _)| path);
        let served: BTreeSet<&str> = api.into_iter().chain(admin).chain(paths::built_in()).collect();
        assert_eq!(listed, served);
    }

    #[test]
    fn the_other_documents_name_every_path() {
        const ASYNCAPI: &str = include_str!("../../../../docs/asyncapi.yaml");
        let section = PROTOCOL.split("## 2. HTTP").nth(1).unwrap().split("\n## ").next().unwrap();
        for path in document()["paths"].as_object().unwrap().keys() {
            let is_named = section.split(['`', ' ', '?']).any(|word| word == path);
            assert!(is_named, "{path} is missing in the protocol");
        }
        for path in paths::built_in() {
            assert!(ASYNCAPI.contains(&format!("`{path}`")), "{path} is no address of the sockets");
        }
    }

    /// Every code that some answer of the document has, with its status.
    fn documented_codes() -> BTreeMap<String, u16> {
        let document = document();
        let mut answers: Vec<(&String, &Value)> =
            document["x-anywhere"].as_object().unwrap().iter().collect();
        for path in document["paths"].as_object().unwrap().values() {
            let operations = path.as_object().unwrap().values();
            let responses = operations.filter_map(|operation| operation.get("responses")?.as_object());
            answers.extend(responses.flatten());
        }
        let mut codes = BTreeMap::new();
        for (status, answer) in answers {
            let answer = match answer["$ref"].as_str() {
                Some(target) => document.pointer(target.strip_prefix('#').unwrap()).unwrap(),
                None => answer,
            };
            let schema = &answer["content"]["application/problem+json"]["schema"];
            let listed = schema["properties"]["code"]["enum"].as_array().into_iter().flatten();
            for code in listed {
                let status = status.parse().unwrap();
                let other = codes.insert(code.as_str().unwrap().to_owned(), status);
                assert!(other.is_none_or(|other| other == status), "{code} has two statuses");
            }
        }
        codes
    }

    #[test]
    fn the_document_has_the_codes_that_problems_have() {
        let ours: BTreeMap<String, u16> =
            ProblemCode::ALL.iter().map(|code| (code.as_str().to_owned(), code.status().as_u16())).collect();
        assert_eq!(documented_codes(), ours);
    }

    #[test]
    fn the_protocol_lists_the_codes_that_problems_have() {
        let section = PROTOCOL.split("### Errors").nth(1).unwrap().split("\n### ").next().unwrap();
        let mut listed = BTreeMap::new();
        for line in section.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| status")) {
            let [statuses, codes] = line.trim_matches('|').split('|').collect::<Vec<_>>()[..] else {
                panic!("{line}")
            };
            let statuses: Vec<u16> =
                statuses.split(',').map(|status| status.trim().parse().unwrap()).collect();
            let codes: Vec<&str> = codes.split('`').skip(1).step_by(2).collect();
            let names = codes.iter().filter(|code| code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
            for (at, code) in names.enumerate() {
                // Where a line has several statuses, they belong to its codes in turn.
                let status = if statuses.len() > 1 { statuses[at] } else { statuses[0] };
                listed.insert((*code).to_owned(), status);
            }
        }
        let ours: BTreeMap<String, u16> =
            ProblemCode::ALL.iter().map(|code| (code.as_str().to_owned(), code.status().as_u16())).collect();
        assert_eq!(listed, ours);
    }
}
