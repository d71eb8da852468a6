//! `bowline token`: a token signed with the secret of a local data dir.

use bowline_gateway::auth::{NewToken, Scopes, parse_filter};
use bowline_proto::{Account, AccountKind};

use crate::args::{Kind, Scope, Token};
use crate::failure::Failure;
use crate::target::DevFile;

impl From<Kind> for AccountKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Agent => AccountKind::Agent,
            Kind::Human => AccountKind::Human,
            Kind::Service => AccountKind::Service,
        }
    }
}

pub(crate) fn run(args: &Token) -> Result<(), Failure> {
    let Some(dev) = DevFile::load(&args.data_dir)? else {
        return Err(Failure::new(format!("{} holds no {}", args.data_dir.display(), DevFile::NAME)).hint(
            "run `bowline serve --dev` once with that --data-dir; a gateway with a configured key takes tokens of your own issuer",
        ));
    };
    let account = Account::new(&args.account).map_err(|error| Failure::new(format!("--account: {error}")))?;
    for text in &args.topic {
        parse_filter(text).map_err(|error| {
            Failure::new(format!("--topic {text}: {error}"))
                .hint("conv:c1 opens one topic, 'chat:*' every chat")
        })?;
    }
    let scopes =
        Scopes { publish: args.scope.contains(&Scope::Publish), admin: args.scope.contains(&Scope::Admin) };
    let token = NewToken {
        kind: args.kind.into(),
        scopes,
        topics: args.topic.clone(),
        ttl: args.ttl,
        ..NewToken::new(account)
    };
    println!("{}", dev.signer().mint(&token));
    Ok(())
}
