//! How orders look to the host: one object each, named as in `core.ts`.

use bowline_client_core::{Layer, Output};
use bowline_proto::{ClientFrame, RequestedTopic};

use crate::json::Json;
use crate::notices;

impl Json {
    /// An order. The body of an event stays with the host, which knows it: it is the event of this very call.
    pub(crate) fn order(&mut self, order: &Output<()>) {
        self.object(|json| match order {
            Output::FetchCredential { fetch } => json.about("fetch", "fetch", fetch.0),
            Output::ForgetCredential { fetch } => json.about("forget", "fetch", fetch.0),
            Output::Dial { link, fetch, layer } => {
                json.about("dial", "link", link.0);
                json.number("fetch", fetch.0);
                json.flag("resume", *layer == Layer::Resume);
            }
            Output::Send { link, frame } => {
                json.about("send", "link", link.0);
                json.member("frame", |json| json.frame(frame));
            }
            Output::SendMessage { link, message } => {
                json.about("sendMessage", "link", link.0);
                json.number("message", message.0);
            }
            Output::DropMessage { message } => json.about("dropMessage", "message", message.0),
            Output::Close { link, code } => {
                json.about("close", "link", link.0);
                json.number("code", code.0.into());
            }
            Output::Abort { link } => json.about("abort", "link", link.0),
            Output::Deliver { body: (), cursor } => {
                json.kind("deliver");
                json.number_if_any("cursor", cursor.map(|cursor| cursor.seq.get()));
            }
            Output::Notify(notice) => {
                json.kind("notice");
                json.member("notice", |json| notices::write(json, notice));
            }
        });
    }

    fn about(&mut self, kind: &str, name: &str, id: u64) {
        self.kind(kind);
        self.number(name, id);
    }

    /// The members of a frame as they go out.
    fn frame(&mut self, frame: &ClientFrame) {
        match frame {
            ClientFrame::Ping => self.text("action", "ping"),
            ClientFrame::Subscribe { topics } => self.topics_frame("subscribe", topics),
            ClientFrame::Unsubscribe { topics } => self.topics_frame("unsubscribe", topics),
            ClientFrame::Activity { conversation_id, status } => {
                self.text("action", "activity");
                self.text("conversationId", conversation_id);
                self.text("status", status.as_str());
            }
            ClientFrame::Resume(resume) => {
                self.text("action", "resume");
                self.text_if_any("sessionId", resume.session_id.as_ref().map(|session| session.reveal()));
                if let Some(epoch) = resume.epoch {
                    self.hex("epoch", epoch.bits());
                }
                self.number("seq", resume.seq.get());
                self.requested(&resume.topics);
            }
            ClientFrame::Unknown => {}
        }
    }

    fn topics_frame(&mut self, action: &str, topics: &[RequestedTopic]) {
        self.text("action", action);
        self.requested(topics);
    }

    fn requested(&mut self, topics: &[RequestedTopic]) {
        self.list("topics", topics, |json, topic| match topic {
            RequestedTopic::Valid(topic) => json.string(topic.as_str()),
            RequestedTopic::Invalid(text) => json.string(text),
        });
    }
}
