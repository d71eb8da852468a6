//! What a request of the HTTP API is answered.

use serde_json::{Value, json};

use crate::case::{bytes, same};
use crate::gateway::World;
use crate::wire::{Answer, Wire};

/// The API, over one connection as long as it lasts: a request that is not read whole must not spoil the next one.
pub(crate) struct Api<'w> {
    world: &'w World,
    wire: Option<Wire>,
}

impl<'w> Api<'w> {
    pub(crate) fn of(world: &'w World) -> Self {
        Api { world, wire: None }
    }

    pub(crate) fn judge(&mut self, case: &Value) -> Result<(), String> {
        if let Some(first) = case.get("first") {
            self.ask(case, first)?;
        }
        let answer = self.ask(case, &case["body"])?;
        let mut seen = json!({"status": answer.status});
        if answer.status >= 400 {
            seen["code"] = answer.code().into();
        }
        if case["expect"].get("many").is_some() {
            let list: Value = serde_json::from_str(&answer.body).map_err(|error| error.to_string())?;
            seen["many"] = list.as_array().map(Vec::len).into();
        }
        same(&seen, &case["expect"])
    }

    fn ask(&mut self, case: &Value, body: &Value) -> Result<Answer, String> {
        let body = bytes(body);
        let text = |member: &str| case[member].as_str().expect("a text").to_owned();
        let mut head = format!("{} {} HTTP/1.1\r\nHost: test\r\n", text("method"), text("path"));
        let who = text("as");
        if who != "nobody" {
            head.push_str(&format!("Authorization: Bearer {}\r\n", self.world.token(&who)));
        }
        for header in case["headers"].as_array().into_iter().flatten() {
            head.push_str(&format!("{}: {}\r\n", header[0].as_str().unwrap(), header[1].as_str().unwrap()));
        }
        head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
        let mut wire = self.wire.take().unwrap_or_else(|| Wire::connect(self.world.addr));
        wire.send(&[head.as_bytes(), &body].concat());
        let answer = wire.answer()?;
        if answer.header("connection") != Some("close") {
            self.wire = Some(wire);
        }
        Ok(answer)
    }
}
