//! From the parser's events to nodes: anchors, merge keys, tags, and the limits of a tree.

use std::collections::BTreeMap;

use saphyr_parser::Event;
use saphyr_parser::Marker;
use saphyr_parser::ScalarStyle;
use saphyr_parser::Tag as YamlTag;

use super::Map;
use super::Node;
use super::Sources;
use super::Span;
use super::Tag;
use super::Value;
use super::parse::Limits;
use super::scalar;
use crate::core::diag::Diagnostic;

/// A list or mapping that is being read.
struct Frame {
    span: Span,
    tag: Option<Tag>,
    anchor: usize,
    height: usize,
    size: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map { map: Map, merges: Vec<Node>, merge_key: Option<Span>, key: Option<Key> },
}

struct Key {
    text: String,
    span: Span,
    merge: bool,
}

/// A finished value with how much it holds.
struct Built {
    node: Node,
    height: usize,
    size: usize,
}

pub(super) struct Builder<'a> {
    text: &'a str,
    /// How many characters the text has.
    length: usize,
    /// Whether `\/` is anywhere in the text.
    has_escaped_slash: bool,
    /// A character's index that was looked for last, and where it is.
    cursor: (usize, usize),
    sources: &'a Sources,
    file: u16,
    limits: Limits,
    nodes: usize,
    stack: Vec<Frame>,
    anchors: BTreeMap<usize, Built>,
    /// What is finished.
    pub(super) documents: Vec<Node>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(text: &'a str, sources: &'a Sources, file: u16, limits: Limits) -> Self {
        Self {
            text,
            length: text.chars().count(),
            has_escaped_slash: text.contains("\\/"),
            cursor: (0, 0),
            sources,
            file,
            limits,
            nodes: 0,
            stack: Vec::new(),
            anchors: BTreeMap::new(),
            documents: Vec::new(),
        }
    }

    pub(super) fn event(&mut self, event: Event<'_>, span: saphyr_parser::Span) -> Result<(), Diagnostic> {
        let mark = span.start;
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_key =
                    matches!(self.stack.last(), Some(Frame { content: Content::Map { key: None, .. }, .. }));
                if style == ScalarStyle::DoubleQuoted {
                    self.refuse_escaped_slash(span)?;
                }
                let text = self.without_added_newline(&text, style, span);
                let node = self.scalar(text, style, tag.as_deref(), mark)?;
                if is_key {
                    self.anchor(anchor, &node, 1, size_of(&node));
                    return self.key(text, style, &node, mark);
                }
                let size = size_of(&node);
                self.value(Built { node, height: 1, size }, anchor, mark)
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(Content::List(Vec::new()), anchor, tag.as_deref(), mark)
            }
            Event::MappingStart(anchor, tag) => {
                let content =
                    Content::Map { map: Map::default(), merges: Vec::new(), merge_key: None, key: None };
                self.open(content, anchor, tag.as_deref(), mark)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(mark),
            Event::Alias(id) => self.alias(id, mark),
            Event::DocumentStart(_) => {
                self.anchors.clear();
                Ok(())
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn open(
        &mut self,
        content: Content,
        anchor: usize,
        tag: Option<&YamlTag>,
        mark: Marker,
    ) -> Result<(), Diagnostic> {
        if let Some(Frame { content: Content::Map { key: None, .. }, .. }) = self.stack.last() {
            return Err(self.error("yaml-key", mark, "a key must be a string".into()));
        }
        if self.stack.len() >= self.limits.depth {
            return Err(self.too_deep(mark));
        }
        let tag = merge_tag(tag);
        self.stack.push(Frame { span: self.span(mark), tag, anchor, height: 1, size: 1, content });
        Ok(())
    }

    fn close(&mut self, mark: Marker) -> Result<(), Diagnostic> {
        let Some(frame) = self.stack.pop() else { return Ok(()) };
        let value = match frame.content {
            Content::List(mut items) => {
                items.shrink_to_fit();
                Value::List(items)
            }
            Content::Map { mut map, merges, .. } => {
                for node in merges {
                    merge(&mut map, node)
                        .map_err(|span| self.error_at("yaml-merge", span, MERGE_WANTS_MAPS.into()))?;
                }
                map.shrink();
                Value::Map(map)
            }
        };
        let node = Node { tag: frame.tag, ..Node::new(frame.span, value) };
        self.value(Built { node, height: frame.height, size: frame.size }, frame.anchor, mark)
    }

    fn key(&mut self, text: &str, style: ScalarStyle, node: &Node, mark: Marker) -> Result<(), Diagnostic> {
        let span = self.span(mark);
        if !matches!(node.value, Value::Text(_)) {
            let path = self.path();
            let message = if path.is_empty() {
                format!("the key {text} is {}, keys must be strings", node.value.kind())
            } else {
                format!("non-string key in {path}: {text}")
            };
            let hint = format!("write it in quotes: \"{text}\"");
            return Err(self.error_at("yaml-key", span, message).path(path).hint(hint));
        }
        let Some(Frame { content: Content::Map { map, merge_key, key, .. }, .. }) = self.stack.last_mut()
        else {
            return Ok(());
        };
        let is_merge = text == "<<" && style == ScalarStyle::Plain;
        let earlier = if is_merge { *merge_key } else { map.entry(text).map(|entry| entry.key) };
        if is_merge {
            *merge_key = Some(span);
        }
        *key = Some(Key { text: text.to_owned(), span, merge: is_merge });
        match earlier {
            Some(earlier) => {
                let message = format!("mapping key \"{text}\" already defined at line {}", earlier.line);
                let hint = if is_merge { "merge several with `<<: [*a, *b]`" } else { "keep one of the two" };
                Err(self.error_at("yaml-duplicate-key", span, message).path(self.path()).hint(hint))
            }
            None => Ok(()),
        }
    }

    fn value(&mut self, built: Built, anchor: usize, mark: Marker) -> Result<(), Diagnostic> {
        self.count(1, mark)?;
        self.anchor(anchor, &built.node, built.height, built.size);
        self.insert(built);
        Ok(())
    }

    fn insert(&mut self, built: Built) {
        let Some(frame) = self.stack.last_mut() else {
            self.documents.push(built.node);
            return;
        };
        frame.height = frame.height.max(built.height + 1);
        frame.size += built.size;
        match &mut frame.content {
            Content::List(items) => items.push(built.node),
            Content::Map { map, merges, key, .. } => match key.take() {
                Some(key) if key.merge => merges.push(built.node),
                Some(key) => {
                    frame.size += key.text.len() / TEXT_OF_A_VALUE;
                    map.insert(key.text, key.span, built.node);
                }
                None => {}
            },
        }
    }

    fn alias(&mut self, id: usize, mark: Marker) -> Result<(), Diagnostic> {
        let Some(anchored) = self.anchors.get(&id) else {
            let message = "an alias stands inside the value that it refers to (cycle detected)".to_owned();
            return Err(self.error("yaml-alias-cycle", mark, message).path(self.path()));
        };
        let (height, size) = (anchored.height, anchored.size);
        if self.stack.len() + height > self.limits.depth {
            return Err(self.too_deep(mark));
        }
        self.count(size, mark)?;
        let Some(anchored) = self.anchors.get(&id) else { return Ok(()) };
        let node = anchored.node.clone();
        if let Some(Frame { content: Content::Map { key: None, .. }, .. }) = self.stack.last() {
            let text = node.scalar_text().unwrap_or_default();
            return self.key(&text, ScalarStyle::DoubleQuoted, &node, mark);
        }
        self.insert(Built { node, height, size });
        Ok(())
    }

    fn anchor(&mut self, id: usize, node: &Node, height: usize, size: usize) {
        if id > 0 {
            self.anchors.insert(id, Built { node: node.clone(), height, size });
        }
    }

    fn count(&mut self, nodes: usize, mark: Marker) -> Result<(), Diagnostic> {
        self.nodes += nodes;
        if self.nodes <= self.limits.nodes {
            return Ok(());
        }
        let message =
            format!("the document has more than {} values with its aliases expanded", self.limits.nodes);
        Err(self.error("limit-nodes", mark, message).hint("aliases of aliases multiply: write fewer of them"))
    }

    fn scalar(
        &self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&YamlTag>,
        mark: Marker,
    ) -> Result<Node, Diagnostic> {
        let wrong =
            |what: &str| Err(self.error("yaml-tag", mark, format!("cannot decode `{text}` as {what}")));
        let value = match tag {
            None if style == ScalarStyle::Plain => scalar::resolve(text),
            Some(tag) if tag.is_yaml_core_schema() => match (tag.suffix.as_str(), scalar::resolve(text)) {
                ("int", value @ (Value::Int(_) | Value::Uint(_)))
                | ("float", value @ Value::Float(_))
                | ("bool", value @ Value::Bool(_))
                | ("timestamp", value @ Value::Timestamp(_))
                | ("null", value @ Value::Null) => value,
                #[expect(clippy::cast_precision_loss, reason = "go-yaml does so too")]
                ("float", Value::Int(value)) => Value::Float(value as f64),
                ("binary", _) => match scalar::base64(text).map(String::from_utf8) {
                    Some(Ok(text)) => Value::Text(text),
                    Some(Err(_)) => return wrong("text: its bytes are not UTF-8"),
                    None => return wrong("!!binary: it is not base 64"),
                },
                ("int" | "float" | "bool" | "timestamp" | "null", _) => {
                    return wrong(&format!("!!{}", tag.suffix));
                }
                _ => Value::Text(text.to_owned()),
            },
            _ => Value::Text(text.to_owned()),
        };
        Ok(Node { tag: merge_tag(tag), ..Node::new(self.span(mark), value) })
    }

    /// A block at the end of a text without a last newline has none either.
    fn without_added_newline<'t>(
        &self,
        text: &'t str,
        style: ScalarStyle,
        span: saphyr_parser::Span,
    ) -> &'t str {
        let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
        if !block || self.text.ends_with('\n') || span.end.index() < self.length {
            return text;
        }
        text.strip_suffix('\n').unwrap_or(text)
    }

    /// go-yaml reads YAML 1.1 and says so.
    pub(super) fn refuse_other_versions(&self) -> Result<(), Diagnostic> {
        let directive = |line: &str| line.strip_prefix("%YAML").map(|version| version.trim().to_owned());
        for (index, line) in
            self.text.lines().enumerate().take_while(|(_, line)| line.starts_with(['%', '#']))
        {
            if directive(line).is_some_and(|version| !version.starts_with("1.1")) {
                let span = Span { file: self.file, line: u32::try_from(index + 1).unwrap_or(0), column: 1 };
                let message = "yaml: found incompatible YAML document".to_owned();
                return Err(self.error_at("yaml-version", span, message).hint("remove the %YAML line"));
            }
        }
        Ok(())
    }

    /// go-yaml does not know `\/`, which other parsers read as `/`.
    fn refuse_escaped_slash(&mut self, span: saphyr_parser::Span) -> Result<(), Diagnostic> {
        if !self.has_escaped_slash {
            return Ok(());
        }
        let (start, end) = (self.offset(span.start.index()), self.offset(span.end.index()));
        let mut escaped = false;
        for c in self.text[start..end].chars() {
            if escaped && c == '/' {
                let message = "yaml: found unknown escape character".to_owned();
                return Err(self.error("yaml-escape", span.start, message).hint("write `/` without `\\`"));
            }
            escaped = c == '\\' && !escaped;
        }
        Ok(())
    }

    /// Returns where a character begins. Cheap if asked for in order.
    fn offset(&mut self, index: usize) -> usize {
        let (known, at) = if self.cursor.0 <= index { self.cursor } else { (0, 0) };
        let rest = &self.text[at..];
        let offset = rest.char_indices().nth(index - known).map_or(self.text.len(), |(skip, _)| at + skip);
        self.cursor = (index, offset);
        offset
    }

    pub(super) fn too_deep(&self, mark: Marker) -> Diagnostic {
        let message = format!("values are nested more than {} deep", self.limits.depth);
        self.error("limit-depth", mark, message)
    }

    /// The path to the value that is being read.
    fn path(&self) -> String {
        let mut path = String::new();
        for frame in &self.stack {
            match &frame.content {
                Content::List(items) => {
                    path.push('[');
                    path.push_str(&items.len().to_string());
                    path.push(']');
                }
                Content::Map { key: Some(key), .. } => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(&key.text);
                }
                Content::Map { key: None, .. } => {}
            }
        }
        path
    }

    fn span(&self, mark: Marker) -> Span {
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        Span { file: self.file, line: number(mark.line()), column: number(mark.col() + 1) }
    }

    pub(super) fn error(&self, code: &'static str, mark: Marker, message: String) -> Diagnostic {
        self.error_at(code, self.span(mark), message)
    }

    fn error_at(&self, code: &'static str, span: Span, message: String) -> Diagnostic {
        let error = Diagnostic::error(code, message);
        match self.sources.place(span) {
            Some(place) => error.at(place),
            None => error,
        }
    }
}

/// Returns how many values a scalar counts for: a long text is as large as several short ones.
fn size_of(scalar: &Node) -> usize {
    1 + scalar.as_str().map_or(0, str::len) / TEXT_OF_A_VALUE
}

/// How many bytes of text count as one value more.
const TEXT_OF_A_VALUE: usize = 64;

const MERGE_WANTS_MAPS: &str = "map merge requires map or sequence of maps as the value";

/// Adds what a merge key refers to; keys that are there stay. Fails with the place of what is no mapping.
fn merge(map: &mut Map, from: Node) -> Result<(), Span> {
    match from.value {
        Value::Map(from) => {
            for (key, entry) in from {
                match map.get(&key).map(|own| own.tag) {
                    None => drop(map.insert(key, entry.key, entry.node)),
                    // As in go-yaml the own key is gone before the merge: what it means for other files stays.
                    Some(Some(Tag::Reset)) => {
                        drop(map.insert(key, entry.key, Node { tag: Some(Tag::Override), ..entry.node }));
                    }
                    Some(_) => {}
                }
            }
            Ok(())
        }
        Value::List(items) => items.into_iter().try_for_each(|item| match item.value {
            Value::Map(_) => merge(map, item),
            _ => Err(item.span),
        }),
        _ => Err(from.span),
    }
}

fn merge_tag(tag: Option<&YamlTag>) -> Option<Tag> {
    let tag = tag.filter(|tag| tag.handle == "!")?;
    match tag.suffix.as_str() {
        "reset" => Some(Tag::Reset),
        "override" => Some(Tag::Override),
        _ => None,
    }
}
