//! Stage: services that extend another one are laid over it.

use super::canonical;
use super::heal::heal;
use super::merge;
use super::model::Scope;
use super::model::raw;
use super::model::refuse_too_many;
use super::paths;
use super::read::Because;
use super::read::Reader;
use super::report::Failed;
use super::report::MAX_EXTENDED;
use super::report::Report;
use super::reset::Resets;
use super::unique::unique;
use crate::core::diag::did_you_mean;
use crate::core::model::normalise;
use crate::core::yaml::Map;
use crate::core::yaml::Node;
use crate::core::yaml::Path;
use crate::core::yaml::Span;
use crate::core::yaml::Value;

/// How many services may extend each other in a row.
const MAX_CHAIN: usize = 50;

/// Resolves every `extends` of a document. What cannot be extended is reported, and stays as it is without `extends`.
pub(super) fn apply(
    document: &mut Node,
    file: &str,
    resets: &Resets,
    scope: Scope<'_>,
    reader: &mut Reader<'_>,
    report: &mut Report,
) {
    let Some(services) = document.get_mut("services") else { return };
    let span = services.span;
    let Some(services) = services.as_map_mut() else {
        return report.error("type", span, &Path::TOP.key("services"), "services must be a mapping");
    };
    let names: Vec<String> = services.keys().map(str::to_owned).collect();
    let mut extender = Extender { scope, reader, report, resets: vec![resets] };
    for name in names {
        let mut trail = Vec::new();
        if extender.resolve(&name, services, file, &mut trail).is_err() {
            // None of these is whole, and one message about them is enough.
            give_up(&name, services, extender.report);
            for step in trail.iter().filter(|step| step.file == file) {
                give_up(&step.name, services, extender.report);
            }
        }
    }
}

/// Takes the `extends` of a service away; nothing more is told about the service.
fn give_up(name: &str, services: &mut Map, report: &mut Report) {
    if let Some(service) = services.get_mut(name).and_then(Node::as_map_mut) {
        service.remove("extends");
    }
    let path = Path::TOP.key("services");
    report.refuse_object(&path.key(name));
}

struct Extender<'a, 'b> {
    scope: Scope<'a>,
    reader: &'a mut Reader<'b>,
    report: &'a mut Report,
    resets: Vec<&'a Resets>,
}

/// What an `extends` says.
struct Reference {
    service: String,
    file: Option<String>,
    span: Span,
}

/// A service that extends another one on the way to what is extended last.
struct Step {
    name: String,
    /// The file it is in.
    file: String,
    /// The other file that its `extends` names. As in compose-go, it is a circle when a service of the same name
    /// extends one of the same file again, and one that extends a service beside it counts as one of the main file.
    other: Option<String>,
}

impl Extender<'_, '_> {
    /// Replaces a service that extends another by the two laid over each other.
    fn resolve(
        &mut self,
        name: &str,
        services: &mut Map,
        file: &str,
        trail: &mut Vec<Step>,
    ) -> Result<(), Failed> {
        let path = Path::TOP.key("services");
        let path = path.key(name);
        let Some(service) = services.get(name) else { return Ok(()) };
        if service.is_null() {
            return Ok(());
        }
        if service.as_map().is_none() {
            self.report.error("type", service.span, &path, format!("{path} must be a mapping"));
            return Err(Failed);
        }
        let Some(reference) = self.reference(name, service)? else { return Ok(()) };
        self.follow(name, file, &reference, trail)?;

        let base = if let Some(other) = &reference.file {
            let other = self.locate(other, reference.span)?;
            let (mut others, resets) = self.base_services(&other, name, file, &reference)?;
            let mut inner = Extender {
                scope: self.scope,
                reader: self.reader,
                report: self.report,
                resets: self.resets.iter().copied().chain([&resets]).collect(),
            };
            inner.resolve(&reference.service, &mut others, &other, trail)?;
            others.remove(&reference.service)
        } else if services.contains(&reference.service) {
            self.resolve(&reference.service, services, file, trail)?;
            let services_path = Path::TOP.key("services");
            if self.report.is_refused_object(&services_path.key(&reference.service)) {
                self.report.refuse_object(&path);
            }
            let base = services.get(&reference.service);
            if self.report.extends_too_much(base.map_or(0, Node::count)) {
                let message =
                    format!("services get more than {MAX_EXTENDED} values from those that they extend");
                self.report.error("limit-extends", reference.span, &path.key("extends"), message);
                return Err(Failed);
            }
            base.cloned()
        } else {
            let message = format!(
                "cannot extend service {name:?} in {file}: service {:?} not found",
                reference.service
            );
            return Err(self.refuse(&reference, &path, message, services));
        };
        trail.pop();
        let Some(mut base) = base.filter(|base| !base.is_null()) else { return Ok(()) };
        for resets in &self.resets {
            resets.apply_to_service(name, &mut base);
        }
        let Some(slot) = services.get_mut(name) else { return Ok(()) };
        let span = slot.span;
        let over = std::mem::take(slot);
        merge::merge(&mut base, over, &path, self.report);
        if let Some(map) = base.as_map_mut() {
            map.remove("extends");
        }
        base.span = span;
        *slot = base;
        Ok(())
    }

    fn reference(&mut self, name: &str, service: &Node) -> Result<Option<Reference>, Failed> {
        let Some(extends) = service.get("extends") else { return Ok(None) };
        let text = |key: &str| extends.get(key).and_then(Node::as_str).map(str::to_owned);
        let (service, file) = match &extends.value {
            Value::Text(service) => (Some(service.clone()), None),
            Value::Map(_) => (text("service"), text("file")),
            _ => (None, None),
        };
        let Some(service) = service else {
            let message = format!("extends.{name}.service is required");
            let path = Path::TOP.key("services");
            let path = path.key(name);
            self.report.error("missing-key", extends.span, &path.key("extends"), message);
            return Err(Failed);
        };
        Ok(Some(Reference { service, file, span: extends.span }))
    }

    /// Notes one step, and refuses to go in a circle.
    fn follow(
        &mut self,
        name: &str,
        file: &str,
        reference: &Reference,
        trail: &mut Vec<Step>,
    ) -> Result<(), Failed> {
        let step = Step { name: name.to_owned(), file: file.to_owned(), other: reference.file.clone() };
        let circle = trail.iter().any(|known| known.name == step.name && known.other == step.other);
        trail.push(step);
        if !circle && trail.len() <= MAX_CHAIN {
            return Ok(());
        }
        let steps: Vec<String> = trail.iter().map(|step| format!("{} in {}", step.name, step.file)).collect();
        let message = if circle {
            format!("Circular reference: {}", steps.join(" extends "))
        } else {
            format!("more than {MAX_CHAIN} services extend each other")
        };
        let path = Path::TOP.key("services");
        let path = path.key(name);
        self.report.error("extends-cycle", reference.span, &path.key("extends"), message);
        Err(Failed)
    }

    fn locate(&mut self, file: &str, span: Span) -> Result<String, Failed> {
        if super::files::is_remote(file) {
            let message = format!("{file} is elsewhere: remote Compose files are not supported");
            self.report.error_hint("remote", span, &Path::TOP, message, "copy the file into the repository");
            return Err(Failed);
        }
        Ok(normalise(self.scope.folder, file))
    }

    /// Reads the services of another file, with paths made absolute against that file's folder.
    fn base_services(
        &mut self,
        other: &str,
        name: &str,
        file: &str,
        reference: &Reference,
    ) -> Result<(Map, Resets), Failed> {
        let because = Because { span: reference.span, kind: "extended file" };
        let documents = self.reader.documents(other, because, self.report)?;
        let mut merged = Node::new(Span::default(), Value::Map(Map::default()));
        let mut all = Resets::default();
        for mut document in documents {
            all = raw(&mut document, other, self.scope.environment, self.report)?;
            refuse_too_many(&merged, &document, self.report)?;
            all.apply(&mut merged);
            merge::merge(&mut merged, document, &Path::TOP, self.report);
            unique(&mut merged, &Path::TOP, self.report);
            canonical::canonical(&mut merged, self.report);
            unique(&mut merged, &Path::TOP, self.report);
            heal(&mut merged, self.report);
        }
        let folder =
            other.rsplit_once('/').map_or("/", |(folder, _)| if folder.is_empty() { "/" } else { folder });
        let path = Path::TOP.key("services");
        let path = path.key(name);
        match merged
            .get("services")
            .map(|services| services.as_map().map(|map| map.contains(&reference.service)))
        {
            Some(Some(true)) => {}
            Some(Some(false)) => {
                let known = merged.get("services").and_then(Node::as_map).cloned().unwrap_or_default();
                let message = format!(
                    "cannot extend service {name:?} in {file}: service {:?} not found in {other}",
                    reference.service
                );
                return Err(self.refuse(reference, &path, message, &known));
            }
            Some(None) => {
                let message =
                    format!("cannot extend service {name:?} in {other}: services must be a mapping");
                return Err(self.refuse(reference, &path, message, &Map::default()));
            }
            None => {
                let message = format!("cannot extend service {name:?} in {other}: no services section");
                return Err(self.refuse(reference, &path, message, &Map::default()));
            }
        }
        paths::resolve(&mut merged, paths::Base { folder, ..self.scope.base() }, self.report);
        heal(&mut merged, self.report);
        let services = merged.as_map_mut().and_then(|map| map.remove("services"));
        match services.map(|services| services.value) {
            Some(Value::Map(map)) => Ok((map, all)),
            _ => Ok((Map::default(), all)),
        }
    }

    fn refuse(&mut self, reference: &Reference, path: &Path<'_>, message: String, known: &Map) -> Failed {
        let others = known.keys().filter(|key| Some(*key) != path.last_key());
        let path = path.key("extends");
        match did_you_mean(&reference.service, others) {
            Some(meant) => {
                let hint = format!("did you mean `{meant}`?");
                self.report.error_hint("extends", reference.span, &path, message, hint);
            }
            None => self.report.error("extends", reference.span, &path, message),
        }
        Failed
    }
}
