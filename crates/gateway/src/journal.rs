//! interim
use crate::config::Config;
use bowline_log::{Appended, Batch, Entry, LogStore, Status, StoreError};
use bowline_proto::{
    Account, Epoch, GrantScope, LoggedEvent, Page, Place, Query, Record, Seq, Topic, encode_event,
};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

type OnCommit = Arc<dyn Fn(&Arc<[Record]>) + Send + Sync>;
#[derive(Clone)]
pub(crate) struct Journal {
    records: Arc<Mutex<Vec<Record>>>,
    on: OnCommit,
    _n: Arc<AtomicU64>,
}
impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Journal")
    }
}
#[derive(Debug)]
pub(crate) enum AppendError {
    Full,
    Busy,
    Unavailable,
}
impl Journal {
    pub(crate) fn open(
        _c: &Config,
        _s: Option<Arc<dyn LogStore>>,
        on: impl Fn(&Arc<[Record]>) + Send + Sync + 'static,
    ) -> Result<Journal, StoreError> {
        let _ = (AppendError::Full, AppendError::Busy, AppendError::Unavailable);
        Ok(Journal { records: Arc::default(), on: Arc::new(on), _n: Arc::default() })
    }
    pub(crate) fn grants(&self, account: &Account) -> (Vec<Topic>, Seq) {
        let r = self.records.lock().unwrap();
        let mut out = Vec::new();
        for rec in r.iter() {
            match rec {
                Record::Granted { account: a, topic, .. } if a == account => out.push(topic.clone()),
                Record::Revoked { account: a, topic, .. } if a == account => out.retain(|t| t != topic),
                _ => {}
            }
        }
        (out, r.last().map_or(Seq::ZERO, Record::seq))
    }
    pub(crate) fn status(&self) -> Status {
        let r = self.records.lock().unwrap();
        Status {
            epoch: Epoch::from_bits(77),
            head: r.last().map_or(Seq::ZERO, Record::seq),
            oldest: Seq::ZERO.next(),
            bytes: 0,
        }
    }
    pub(crate) fn read(&self, q: &Query) -> Option<Page> {
        let granted = match &q.granted {
            GrantScope::All => self.grants(&q.account).0,
            GrantScope::Only(t) => t.to_vec(),
        };
        let r = self.records.lock().unwrap();
        let records: Vec<_> = r.iter().filter(|x| x.seq() > q.after && matches!(x, Record::Event(e) if q.open.contains(&e.topic) || granted.contains(&e.topic))).take(q.max_records).cloned().collect();
        let upto = if records.len() == q.max_records {
            records.last().unwrap().seq()
        } else {
            r.last().map_or(Seq::ZERO, Record::seq)
        };
        Some(Page { from: q.after, records, upto, gaps: vec![] })
    }
    pub(crate) fn is_writable(&self) -> bool {
        true
    }
    pub(crate) async fn close(&self) {}
    pub(crate) async fn append(&self, batch: Batch) -> Result<Appended, AppendError> {
        self._n.fetch_add(1, Ordering::Relaxed);
        let mut r = self.records.lock().unwrap();
        let mut new = Vec::new();
        for e in batch.entries {
            let seq = Seq::new(r.len() as u64 + 1).unwrap();
            let rec = match e {
                Entry::Event(e) => {
                    let prev = r
                        .iter()
                        .rev()
                        .find_map(|x| match x {
                            Record::Event(l) if l.topic == e.topic => Some(l.seq),
                            _ => None,
                        })
                        .unwrap_or(Seq::ZERO);
                    Record::Event(LoggedEvent {
                        seq,
                        prev,
                        text: encode_event(&e.kind, e.timestamp, &e.topic, Place { seq, prev }, &e.payload),
                        topic: e.topic,
                    })
                }
                Entry::Grant { account, topic } => Record::Granted { seq, account, topic },
                Entry::Revoke { account, topic } => Record::Revoked { seq, account, topic },
            };
            r.push(rec.clone());
            new.push(rec);
        }
        let seqs = new.iter().map(Record::seq).collect();
        (self.on)(&new.into());
        Ok(Appended::New { seqs })
    }
}
