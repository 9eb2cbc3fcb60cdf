//! Text to spanned, tagged nodes: anchors, merge keys, duplicate keys; and values back to text. It knows YAML and
//! nothing of Compose.
//!
//! Scalars are resolved as go-yaml v3 resolves them (a mix of YAML 1.1 and 1.2), because Compose files are written for
//! it. Every node remembers where it stands; limits keep a small text from becoming a large tree.

mod build;
mod de;
mod document;
mod emit;
mod float;
mod json;
mod map;
mod node;
mod parse;
mod path;
mod places;
mod scalar;
mod strict;
mod timestamp;

pub use de::decode;
pub use document::Document;
pub use document::Sources;
pub use emit::emit;
pub use float::go_float;
pub use float::go_json_float;
pub use map::Entry;
pub use map::Map;
pub use node::Node;
pub use node::Span;
pub use node::Tag;
pub use node::Value;
pub use parse::Limits;
pub use parse::parse;
pub use path::Path;
pub use path::behind;
pub use places::Places;
