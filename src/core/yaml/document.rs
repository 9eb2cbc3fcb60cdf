//! What a tree leaves behind, together with the names of the files it was read from.

use super::Node;
use super::Places;
use super::Span;
use crate::core::diag::Place;

/// The names of the files of a load.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    names: Vec<String>,
}

/// What is left of a tree when its values have become a model: where each was written, and what the model does not
/// hold.
#[derive(Debug, Clone, Default)]
pub struct Document {
    /// The files.
    pub sources: Sources,
    /// Where everything was written.
    pub places: Places,
    /// The tree, as far as it leads to `x-` keys.
    pub extensions: Node,
}

impl Sources {
    /// Adds a file and returns its index. The same name has the same index.
    pub fn add(&mut self, name: &str) -> u16 {
        let index = self.names.iter().position(|known| known == name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        });
        u16::try_from(index).unwrap_or(u16::MAX)
    }

    /// Returns the place that a span stands for; `None` for a node that no file wrote.
    pub fn place(&self, span: Span) -> Option<Place> {
        let file = self.names.get(usize::from(span.file)).filter(|_| span.line > 0)?;
        Some(Place { file: file.clone(), line: span.line as usize, column: span.column as usize })
    }
}

impl Document {
    /// Returns where the value at a path such as `services.web.ports[0]` stands, or its nearest parent that was
    /// written. A key with dots in it is found too.
    pub fn place(&self, path: &str) -> Option<Place> {
        self.sources.place(self.places.span(path))
    }
}
