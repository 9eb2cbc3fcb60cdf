//! The table of everything that the host's file can say.

use crate::core::desired::settings::COMPOSE_HASH;
use crate::core::desired::settings::DRIFT_MODE;
use crate::core::desired::settings::PRUNE;
use crate::core::desired::settings::UPDATE;
use crate::core::shape::Field;
use crate::core::shape::Shape;

const WORDS: Shape = Shape::List(&Shape::Text);

/// The keys of the host's file.
pub const HOST: &[Field] = &[
    Field::new("instance", Shape::Text, "which installation this is; others' containers are never touched")
        .or("evenkeel"),
    Field::new(
        "dataDir",
        Shape::Text,
        "where mirrors, published files and the database are; the same path on the host",
    )
    .or("/var/lib/evenkeel"),
    Field::new("listen", Shape::Text, "the address and port that serve HTTP, or `off`").or("127.0.0.1:8470"),
    Field::new("engine", Shape::OneOf(&["docker", "simulated"]), "which engine to use").or("docker"),
    Field::new("sources", Shape::List(&Shape::Map(SOURCE)), "the repositories to follow"),
    Field::new("providers", Shape::List(&Shape::Map(PROVIDER)), "where notifications go"),
    Field::new(
        "receivers",
        Shape::List(&Shape::Map(RECEIVER)),
        "where forges tell of pushes: POST /hook/NAME",
    ),
    Field::new("defaults", Shape::Map(DEFAULTS), "what holds for a stack that says nothing else"),
    Field::new("log", Shape::Map(LOG), "how the log is written"),
];

const SOURCE: &[Field] = &[
    Field::new("name", Shape::Text, "what the source is called; its stacks' containers are labelled with it")
        .required(),
    Field::new(
        "url",
        Shape::Text,
        "https://host/path, ssh://user@host/path, user@host:path or a folder; no credentials",
    )
    .required(),
    Field::new("branch", Shape::Text, "the branch to follow instead of the repository's default"),
    Field::new("tag", Shape::Text, "the tag to follow instead of a branch"),
    Field::new("commit", Shape::Text, "the commit to stay at, all 40 digits"),
    Field::new("path", Shape::Text, "the folder in the repository that holds the stacks").or("."),
    Field::new("interval", Shape::Duration, "how often to look for commits, ±5 %").or("1m"),
    Field::new("schedule", Shape::Map(SCHEDULE), "when to look for commits, instead of `interval`"),
    Field::new(
        "retryInterval",
        Shape::Duration,
        "how long to wait at most after the first failure; doubles with each",
    )
    .or("10s"),
    Field::new("timeout", Shape::Duration, "how long one look at the remote may take, fetch included")
        .or("5m"),
    Field::new(
        "allowForcePush",
        Shape::Flag,
        "follow a branch to a commit that does not descend from the last one",
    )
    .or("false"),
    Field::new("insecure", Shape::Flag, "allow http:// and git://, which anybody on the way can change")
        .or("false"),
    Field::new(
        "auth",
        Shape::Map(AUTH),
        "how to log in: `username` and `tokenFile`, or `privateKeyFile` and `knownHostsFile`",
    ),
    Field::new("caFile", Shape::Text, "a PEM file of certificate authorities to trust beside the system's"),
    Field::new("suspend", Shape::Flag, "look at the source, but touch none of its stacks").or("false"),
];

const SCHEDULE: &[Field] = &[
    Field::new("cron", Shape::Text, "minute, hour, day, month and weekday, as in crontab").required(),
    Field::new("timeZone", Shape::Text, "the zone whose clock counts, such as Europe/Berlin").or("UTC"),
];

const AUTH: &[Field] = &[
    Field::new("username", Shape::Text, "the user's name for https; many forges take any").or("git"),
    Field::new("tokenFile", Shape::Text, "a file with the token or password for https and nothing else"),
    Field::new("privateKeyFile", Shape::Text, "a file with the private key for ssh, without a passphrase"),
    Field::new("knownHostsFile", Shape::Text, "a file with the host keys to trust for ssh"),
];

const PROVIDER: &[Field] = &[
    Field::new("name", Shape::Text, "what the provider is called").required(),
    Field::new("type", Shape::OneOf(&["webhook"]), "what kind it is").or("webhook"),
    Field::new("url", Shape::Text, "where events are posted"),
    Field::new("urlFile", Shape::Text, "a file with the URL, if that is a secret"),
    Field::new(
        "secretFile",
        Shape::Text,
        "a file with the key that events are signed with, 16 bytes or more",
    ),
    Field::new("events", WORDS, "the types of events to send, such as `deploy.*`; all if left out"),
    Field::new("sources", WORDS, "send only what happens to these sources"),
    Field::new("stacks", WORDS, "send only what happens to these stacks"),
];

const RECEIVER: &[Field] = &[
    Field::new("name", Shape::Text, "the last part of the URL").required(),
    Field::new(
        "secretFile",
        Shape::Text,
        "a file with the key that pushes are signed with, 16 bytes or more; without it the receiver is off",
    ),
    Field::new("sources", WORDS, "the sources to look at; all if left out"),
];

const DEFAULTS: &[Field] = &[
    Field::new("update", Shape::Map(UPDATE), "how a new revision is brought in"),
    PRUNE,
    Field::new("drift", Shape::Map(DRIFT), "what to do about changes that did not come from git"),
    COMPOSE_HASH,
];

const DRIFT: &[Field] =
    &[DRIFT_MODE, Field::new("interval", Shape::Duration, "how often to look without a reason").or("5m")];

const LOG: &[Field] = &[
    Field::new("format", Shape::OneOf(&["text", "json"]), "lines for people, or one JSON object a line")
        .or("text"),
    Field::new(
        "level",
        Shape::OneOf(&["error", "warn", "info", "debug", "trace"]),
        "the least important lines to write",
    )
    .or("info"),
];
