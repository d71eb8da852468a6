//! The document, and whether an answer is one that it promises.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use jsonschema::Draft;
use serde_json::{Value, json};

use crate::support::http::{Answer, request};

/// What `docs/` has.
pub(crate) const DOCUMENT: &str = include_str!("../../../../docs/openapi.yaml");

/// An answer that the document promises or that was seen: operation, status, code of a problem.
pub(crate) type Outcome = (String, u16, Option<String>);

pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) method: String,
    pub(crate) template: String,
    pub(crate) pointer: String,
}

pub(crate) struct Api {
    pub(crate) document: Value,
    pub(crate) operations: Vec<Operation>,
    pub(crate) seen: BTreeSet<Outcome>,
    /// JSON pointers of the properties that some answer had.
    pub(crate) had: BTreeSet<String>,
}

impl Api {
    pub(crate) fn read() -> Api {
        let document: Value = serde_saphyr::from_str(DOCUMENT).unwrap();
        let mut operations = Vec::new();
        for (template, path) in document["paths"].as_object().unwrap() {
            for (method, operation) in path.as_object().unwrap() {
                let Some(id) = operation.get("operationId") else { continue };
                operations.push(Operation {
                    id: id.as_str().unwrap().to_owned(),
                    method: method.to_uppercase(),
                    template: template.clone(),
                    pointer: format!("/paths/{}/{method}", template.replace('/', "~1")),
                });
            }
        }
        Api { document, operations, seen: BTreeSet::new(), had: BTreeSet::new() }
    }

    pub(crate) fn operation(&self, id: &str) -> &Operation {
        self.operations.iter().find(|operation| operation.id == id).unwrap_or_else(|| panic!("no {id}"))
    }

    /// The pointer of what stands at `pointer`, or of what it refers to.
    pub(crate) fn target(&self, pointer: &str) -> String {
        match self.document.pointer(pointer).and_then(|value| value["$ref"].as_str()) {
            Some(target) => target.strip_prefix('#').unwrap().to_owned(),
            None => pointer.to_owned(),
        }
    }

    pub(crate) fn errors(&self, pointer: &str, value: &Value) -> Vec<String> {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "allOf": [self.document.pointer(pointer).unwrap()],
            "components": self.document["components"],
        });
        let options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
        let validator = options.build(&schema).unwrap();
        validator.iter_errors(value).map(|error| format!("{} at {}", error, error.instance_path())).collect()
    }

    /// Sends a request of the operation `id` and holds its answer to the document.
    pub(crate) async fn call(
        &mut self,
        id: &str,
        addr: SocketAddr,
        path: &str,
        headers: &[&str],
        body: &str,
    ) -> Answer {
        let operation = self.operation(id);
        assert!(fits(path, &operation.template), "{path} is no {}", operation.template);
        let answer = request(addr, &operation.method, path, headers, body).await;
        if answer.status < 300 && !body.is_empty() {
            let request = format!("{}/requestBody/content/application~1json/schema", operation.pointer);
            let body: Value = serde_json::from_str(body).unwrap();
            assert_eq!(self.errors(&request, &body), [""; 0], "{id}: {body}");
        }
        self.hold(id, &answer);
        answer
    }

    /// Holds `answer` of the operation `id` to the document.
    pub(crate) fn hold(&mut self, id: &str, answer: &Answer) {
        let pointer = format!("{}/responses/{}", self.operation(id).pointer, answer.status);
        self.hold_to(&pointer, answer, id);
    }

    /// Holds `answer` to the response that the document has at `pointer`.
    pub(crate) fn hold_to(&mut self, pointer: &str, answer: &Answer, id: &str) {
        let pointer = self.target(pointer);
        let response =
            self.document.pointer(&pointer).unwrap_or_else(|| panic!("no {pointer}: {answer:?}")).clone();
        for (name, header) in response["headers"].as_object().into_iter().flatten() {
            let header = match header["$ref"].as_str() {
                Some(target) => self.document.pointer(&target[1..]).unwrap(),
                None => header,
            };
            let value = header_of(answer, name).unwrap_or_else(|| panic!("no {name}: {answer:?}"));
            assert_eq!(header["required"], true, "{name}");
            if let Some(constant) = header["schema"]["const"].as_str() {
                assert_eq!(value, constant, "{name}");
            } else if header["schema"]["type"] == "integer" {
                assert!(value.parse::<u64>().is_ok_and(|value| value >= 1), "{name}: {value}");
            }
        }
        let mut code = None;
        match response["content"].as_object() {
            None => assert_eq!(answer.body, "", "{id} has no body"),
            Some(content) => {
                let kind = header_of(answer, "content-type").unwrap_or_default();
                let kind = kind.split(';').next().unwrap().trim().to_owned();
                assert!(content.contains_key(&kind), "{id} {}: {kind}", answer.status);
                if kind.ends_with("json") {
                    let schema = format!("{pointer}/content/{}/schema", kind.replace('/', "~1"));
                    assert_eq!(self.errors(&schema, &answer.json()), [""; 0], "{id}: {answer:?}");
                    self.follow(&schema, &answer.json());
                }
                if kind == "application/problem+json" {
                    let problem = answer.json();
                    assert_eq!(problem["status"], answer.status, "{answer:?}");
                    let name = problem["code"].as_str().unwrap();
                    assert_eq!(problem["type"], format!("urn:bowline:problem:{name}"));
                    code = Some(name.to_owned());
                }
            }
        }
        self.seen.insert((id.to_owned(), answer.status, code));
    }

    /// Follows `value` through the schema at `pointer`: the schema knows each of its members.
    fn follow(&mut self, pointer: &str, value: &Value) {
        let views = self.views(pointer);
        let schema = |view: &str, part: &str| format!("{view}/{part}");
        match value {
            Value::Object(members) => {
                if !views.iter().any(|view| self.document.pointer(&schema(view, "properties")).is_some()) {
                    return;
                }
                for (name, member) in members {
                    let mut known: Vec<String> =
                        views.iter().map(|view| schema(view, &format!("properties/{name}"))).collect();
                    known.retain(|property| self.document.pointer(property).is_some());
                    assert!(!known.is_empty(), "{pointer} does not know `{name}`");
                    for property in known {
                        self.follow(&property, member);
                        self.had.insert(property);
                    }
                }
            }
            Value::Array(items) => {
                for list in views.iter().map(|view| schema(view, "items")) {
                    if self.document.pointer(&list).is_some() {
                        items.iter().for_each(|item| self.follow(&list, item));
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// The schema at `pointer`, what it refers to, and what it is made of.
    fn views(&self, pointer: &str) -> Vec<String> {
        let schema = self.document.pointer(pointer).unwrap();
        let mut views = vec![pointer.to_owned()];
        if let Some(target) = schema["$ref"].as_str() {
            views.extend(self.views(&target[1..]));
        }
        for word in ["allOf", "oneOf"] {
            let parts = schema[word].as_array().map_or(0, Vec::len);
            views.extend((0..parts).flat_map(|part| self.views(&format!("{pointer}/{word}/{part}"))));
        }
        views
    }

    /// Every property that some answer of an operation may have.
    pub(crate) fn properties(&self) -> BTreeSet<String> {
        let mut open = Vec::new();
        for operation in &self.operations {
            let responses = format!("{}/responses", operation.pointer);
            for status in self.document.pointer(&responses).unwrap().as_object().unwrap().keys() {
                let content = format!("{}/content", self.target(&format!("{responses}/{status}")));
                let kinds = self.document.pointer(&content).and_then(Value::as_object);
                let kinds = kinds.into_iter().flat_map(|kinds| kinds.keys());
                open.extend(kinds.map(|kind| format!("{content}/{}/schema", kind.replace('/', "~1"))));
            }
        }
        let (mut visited, mut found) = (BTreeSet::new(), BTreeSet::new());
        while let Some(pointer) = open.pop() {
            for view in self.views(&pointer) {
                if !visited.insert(view.clone()) {
                    continue;
                }
                let schema = self.document.pointer(&view).unwrap();
                let names = schema["properties"].as_object().into_iter().flat_map(|all| all.keys());
                let properties: Vec<String> = names.map(|name| format!("{view}/properties/{name}")).collect();
                open.extend(properties.iter().cloned());
                found.extend(properties);
                if schema.get("items").is_some() {
                    open.push(format!("{view}/items"));
                }
            }
        }
        found
    }

    /// Everything that the document promises of operations.
    pub(crate) fn promised(&self) -> BTreeSet<Outcome> {
        let mut promised = BTreeSet::new();
        for operation in &self.operations {
            let responses = self.document.pointer(&format!("{}/responses", operation.pointer)).unwrap();
            for status in responses.as_object().unwrap().keys() {
                let target = self.target(&format!("{}/responses/{status}", operation.pointer));
                let response = self.document.pointer(&target).unwrap();
                let codes =
                    response["content"]["application/problem+json"]["schema"]["properties"]["code"]["enum"]
                        .as_array();
                let status: u16 = status.parse().unwrap();
                match codes {
                    None => drop(promised.insert((operation.id.clone(), status, None))),
                    Some(codes) => promised.extend(
                        codes
                            .iter()
                            .map(|code| (operation.id.clone(), status, code.as_str().map(str::to_owned))),
                    ),
                }
            }
        }
        promised
    }
}

fn fits(path: &str, template: &str) -> bool {
    let path = path.split('?').next().unwrap();
    let (path, template): (Vec<&str>, Vec<&str>) = (path.split('/').collect(), template.split('/').collect());
    path.len() == template.len()
        && path.iter().zip(&template).all(|(text, part)| part.starts_with('{') || text == part)
}

fn header_of(answer: &Answer, name: &str) -> Option<String> {
    answer.head.lines().skip(1).find_map(|line| {
        let (known, value) = line.split_once(':')?;
        known.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    })
}
