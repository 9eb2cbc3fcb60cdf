//! Volumes that need not be asked for again.
//!
//! A volume never changes once it is made, and no engine removes one while a container mounts it, running or not. So
//! while a container that was there when its volumes were listed is still listed with them, they are the same volumes.
//! That they are there is always read off the newest listing of containers; nothing is believed for its age.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use super::listing::ListedContainer;
use crate::core::observed::Volume;

/// The ids of the containers that mount each volume.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Users(BTreeMap<String, BTreeSet<String>>);

impl Users {
    /// Reads them off a listing of containers.
    pub(super) fn of(listed: &[ListedContainer]) -> Self {
        let mut users: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for container in listed {
            for volume in container.volumes() {
                users.entry(volume.clone()).or_default().insert(container.id.clone());
            }
        }
        Self(users)
    }

    fn share_one(&self, other: &Self, volume: &str) -> bool {
        let (ours, theirs) = (self.0.get(volume), other.0.get(volume));
        ours.zip(theirs).is_some_and(|(ours, theirs)| !ours.is_disjoint(theirs))
    }
}

/// What the last listing of volumes said, and who mounted them before it was made.
#[derive(Debug, Clone, Default)]
pub(super) struct KnownVolumes(Arc<Mutex<(BTreeMap<String, Volume>, Users)>>);

impl KnownVolumes {
    /// Returns the volumes of these names if each is known and mounted by one who mounted it then; else `None`.
    pub(super) fn still_there(&self, names: &BTreeSet<String>, now: &Users) -> Option<Vec<Volume>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (volumes, then) = &*known;
        names.iter().map(|name| volumes.get(name).filter(|_| now.share_one(then, name)).cloned()).collect()
    }

    /// Notes a listing, and who mounted volumes before it was made.
    pub(super) fn note(&self, listed: &[Volume], before: Users) {
        let volumes = listed.iter().map(|volume| (volume.name.clone(), volume.clone())).collect();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (volumes, before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(pairs: &[(&str, &str)]) -> Users {
        let mut users = Users::default();
        for (volume, container) in pairs {
            users.0.entry((*volume).to_owned()).or_default().insert((*container).to_owned());
        }
        users
    }

    #[test]
    fn a_volume_is_known_while_a_container_that_had_it_has_it() {
        let volume = |name: &str| Volume { name: name.into(), own: None, request: Box::default() };
        let known = KnownVolumes::default();
        let asked = |names: &[&str], now: &[(&str, &str)]| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            let found = known.still_there(&names, &users(now))?;
            Some(found.into_iter().map(|volume| volume.name).collect::<Vec<_>>())
        };
        assert_eq!(asked(&[], &[]), Some(vec![]), "who asks for none needs no answer");
        assert_eq!(asked(&["data"], &[("data", "c1")]), None);
        known
            .note(&[volume("data"), volume("idle")], users(&[("data", "c1"), ("data", "c2"), ("new", "c1")]));
        assert_eq!(asked(&["data"], &[("data", "c2")]), Some(vec!["data".to_owned()]));
        assert_eq!(asked(&["data"], &[("data", "c3")]), None, "it may have been made anew for this one");
        assert_eq!(asked(&["data"], &[]), None, "nobody keeps it from being removed");
        assert_eq!(asked(&["data", "idle"], &[("data", "c1")]), None, "nobody mounts the other");
        assert_eq!(asked(&["new"], &[("new", "c1")]), None, "it was mounted and not listed");
    }
}
