//! What the document says of a message: whether a value fits it, and which members it knows.

use std::collections::BTreeSet;

use jsonschema::{Draft, Validator};
use serde_json::{Value, json};

const TEXT: &str = include_str!("../../../../docs/asyncapi.yaml");

/// The document, parsed.
#[derive(Debug)]
pub(crate) struct Document(Value);

/// JSON pointers of properties that some sample had.
pub(crate) type Seen = BTreeSet<String>;

impl Document {
    pub(crate) fn read() -> Document {
        Document::parse(TEXT)
    }

    pub(crate) fn parse(text: &str) -> Document {
        Document(serde_saphyr::from_str(text).expect("the document is YAML"))
    }

    /// The document with `from` written as `to`, once.
    pub(crate) fn altered(from: &str, to: &str) -> Document {
        assert!(TEXT.contains(from), "{from}");
        Document::parse(&TEXT.replacen(from, to, 1))
    }

    pub(crate) fn at(&self, pointer: &str) -> &Value {
        self.0.pointer(pointer).unwrap_or_else(|| panic!("nothing at {pointer}"))
    }

    /// The keys of the object at `pointer`.
    pub(crate) fn keys(&self, pointer: &str) -> BTreeSet<String> {
        self.at(pointer).as_object().expect("an object").keys().cloned().collect()
    }

    /// The payload's schema of `message`, as the document's drafts read it.
    pub(crate) fn validator(&self, message: &str) -> Validator {
        self.build(message, true)
    }

    /// The same, less the formats of texts: whether a time is one is the publisher's affair.
    pub(crate) fn shape_of(&self, message: &str) -> Validator {
        self.build(message, false)
    }

    fn build(&self, message: &str, has_formats: bool) -> Validator {
        self.at(&payload_of(message));
        let schema = json!({
            "$schema": "http://json-schema.org/draft-07/schema#",
            "allOf": [{"$ref": format!("#{}", payload_of(message))}],
            "components": self.0["components"],
        });
        jsonschema::options()
            .with_draft(Draft::Draft7)
            .should_validate_formats(has_formats)
            .build(&schema)
            .expect("a JSON Schema")
    }

    /// Why `value` is no `message`, or nothing.
    pub(crate) fn errors(&self, message: &str, value: &Value) -> Vec<String> {
        let validator = self.validator(message);
        validator.iter_errors(value).map(|error| format!("{} at {}", error, error.instance_path())).collect()
    }

    /// Follows `value` through the schema of `message`; notes what it has.
    ///
    /// # Errors
    /// The first member that the schema does not know.
    pub(crate) fn follow(&self, message: &str, value: &Value, seen: &mut Seen) -> Result<(), String> {
        self.follow_from(&payload_of(message), value, seen)
    }

    /// Every property that the schemas of `messages` reach.
    pub(crate) fn reachable<'a>(&self, messages: impl IntoIterator<Item = &'a str>) -> Seen {
        let mut visited = BTreeSet::new();
        for message in messages {
            self.reach(&payload_of(message), &mut visited);
        }
        visited.into_iter().filter(|pointer| pointer.contains("/properties/")).collect()
    }

    /// Names of schemas that no message reaches.
    pub(crate) fn unreachable_schemas(&self) -> Vec<String> {
        let mut visited = BTreeSet::new();
        for message in self.keys("/components/messages") {
            self.reach(&payload_of(&message), &mut visited);
        }
        let is_reached = |name: &String| visited.contains(&format!("/components/schemas/{name}"));
        self.keys("/components/schemas").into_iter().filter(|name| !is_reached(name)).collect()
    }

    fn follow_from(&self, pointer: &str, value: &Value, seen: &mut Seen) -> Result<(), String> {
        let views = self.views(pointer);
        match value {
            Value::Object(members) => {
                if !views.iter().any(|view| self.at(view).get("properties").is_some()) {
                    return Ok(());
                }
                for (name, member) in members {
                    let known: Vec<String> = views
                        .iter()
                        .map(|view| format!("{view}/properties/{name}"))
                        .filter(|property| self.0.pointer(property).is_some())
                        .collect();
                    if known.is_empty() {
                        return Err(format!("{pointer} does not know `{name}`"));
                    }
                    for property in known {
                        self.follow_from(&property, member, seen)?;
                        seen.insert(property);
                    }
                }
                Ok(())
            }
            Value::Array(items) => {
                let lists = views.iter().filter(|view| self.at(view).get("items").is_some());
                for list in lists {
                    for item in items {
                        self.follow_from(&format!("{list}/items"), item, seen)?;
                    }
                }
                Ok(())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
        }
    }

    fn reach(&self, pointer: &str, visited: &mut BTreeSet<String>) {
        for view in self.views(pointer) {
            if !visited.insert(view.clone()) {
                continue;
            }
            if let Some(properties) = self.at(&view).get("properties").and_then(Value::as_object) {
                for name in properties.keys() {
                    let property = format!("{view}/properties/{name}");
                    self.reach(&property, visited);
                    visited.insert(property);
                }
            }
            if self.at(&view).get("items").is_some() {
                self.reach(&format!("{view}/items"), visited);
            }
        }
    }

    /// The schema at `pointer` and all that it refers to or is made of.
    fn views(&self, pointer: &str) -> Vec<String> {
        let schema = self.at(pointer);
        if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            return self.views(target.strip_prefix('#').expect("a reference into the document"));
        }
        let parts = schema.get("allOf").and_then(Value::as_array).map_or(0, Vec::len);
        let mut views = vec![pointer.to_owned()];
        views.extend((0..parts).flat_map(|part| self.views(&format!("{pointer}/allOf/{part}"))));
        views
    }
}

fn payload_of(message: &str) -> String {
    format!("/components/messages/{message}/payload")
}

/// JSON pointers of all members of objects in `value`.
pub(crate) fn members(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), value)];
    while let Some((path, value)) = open.pop() {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    let path = format!("{path}/{name}");
                    found.push(path.clone());
                    open.push((path, member));
                }
            }
            Value::Array(items) => {
                open.extend(items.iter().enumerate().map(|(at, item)| (format!("{path}/{at}"), item)));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    found
}

/// `value` less the member at `path`.
pub(crate) fn without(value: &Value, path: &str) -> Value {
    let mut value = value.clone();
    let (parent, last) = path.rsplit_once('/').expect("a pointer to a member");
    value.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object").remove(last);
    value
}

/// `value` with another member at `path`.
pub(crate) fn with(value: &Value, path: &str, member: Value) -> Value {
    let mut value = value.clone();
    *value.pointer_mut(path).expect("a member") = member;
    value
}
