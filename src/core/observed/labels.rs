//! Labels, read once. Labels that are not complete are nobody's: what is not surely ours is never touched.

use std::collections::BTreeMap;

use crate::core::desired::Owner;
use crate::core::desired::label;
use crate::core::model::InstanceId;
use crate::core::model::ServiceName;
use crate::core::model::SourceName;
use crate::core::model::StackName;

/// Our labels on an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnLabels {
    /// Whose it is.
    pub owner: Owner,
    /// The revision that it was created for.
    pub revision: String,
    /// Digest of the content of what it mounts; empty on networks and volumes.
    pub digest: String,
}

impl OwnLabels {
    /// Returns our labels if instance, source and stack are all there.
    pub fn read(labels: &BTreeMap<String, String>) -> Option<Self> {
        let text = |key: &str| labels.get(key).cloned();
        Some(Self {
            owner: Owner {
                instance: InstanceId::new(text(label::INSTANCE)?).ok()?,
                source: SourceName::new(text(label::SOURCE)?).ok()?,
                stack: StackName::new(text(label::STACK)?).ok()?,
            },
            revision: text(label::REVISION).unwrap_or_default(),
            digest: text(label::DIGEST).unwrap_or_default(),
        })
    }
}

/// Compose's labels on a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComposeLabels {
    /// The project's name.
    pub project: String,
    /// The service.
    pub service: ServiceName,
    /// The container's number in its service.
    pub number: u32,
    /// Compose's config hash.
    pub config_hash: String,
    /// The id of the image it was made from; empty if not recorded.
    pub image_id: String,
    /// The services that it waits for.
    pub depends_on: Vec<ServiceName>,
    /// The version of Docker Compose that made it, or that it was made alike to; empty if not recorded.
    pub version: String,
}

impl ComposeLabels {
    /// Returns Compose's labels if project, service and number are there and it is no one-off container.
    pub fn read(labels: &BTreeMap<String, String>) -> Option<Self> {
        let text = |key: &str| labels.get(key).cloned();
        if labels.get(label::compose::ONEOFF).is_some_and(|value| value == "True") {
            return None;
        }
        let depends_on = text(label::compose::DEPENDS_ON).unwrap_or_default();
        let mut depends_on: Vec<ServiceName> = depends_on
            .split(',')
            .filter_map(|item| ServiceName::new(item.split(':').next().unwrap_or(item)).ok())
            .collect();
        depends_on.sort();
        Some(Self {
            project: text(label::compose::PROJECT)?,
            service: ServiceName::new(text(label::compose::SERVICE)?).ok()?,
            number: text(label::compose::NUMBER)?.parse().ok()?,
            config_hash: text(label::compose::CONFIG_HASH).unwrap_or_default(),
            image_id: text(label::compose::IMAGE).unwrap_or_default(),
            depends_on,
            version: text(label::compose::VERSION).unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn an_object_without_all_of_our_identity_is_not_ours() {
        assert_eq!(OwnLabels::read(&labels(&[(label::INSTANCE, "e"), (label::STACK, "s")])), None);
        let own =
            OwnLabels::read(&labels(&[(label::INSTANCE, "e"), (label::SOURCE, "o"), (label::STACK, "s")]));
        assert_eq!(own.expect("ours").owner.stack.as_str(), "s");
    }

    #[test]
    fn one_off_containers_are_left_out() {
        let base = [
            (label::compose::PROJECT, "p"),
            (label::compose::SERVICE, "web"),
            (label::compose::NUMBER, "1"),
            (label::compose::DEPENDS_ON, "db:service_healthy:false,cache:service_started:true"),
        ];
        let read = ComposeLabels::read(&labels(&base)).expect("a service's container");
        assert_eq!(read.depends_on.iter().map(ServiceName::as_str).collect::<Vec<_>>(), ["cache", "db"]);
        let mut oneoff = labels(&base);
        oneoff.insert(label::compose::ONEOFF.into(), "True".into());
        assert_eq!(ComposeLabels::read(&oneoff), None);
    }
}
