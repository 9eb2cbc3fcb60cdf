//! Config hashes: SHA-256 over the JSON that Go's encoder writes for the model.

use serde::Serialize;
use serde_json::Value;
use sha2::Digest;
use sha2::Sha256;

use super::json;
use super::project::HashFlavor;
use super::types::Network;
use super::types::Service;
use super::types::Volume;

/// What may change in a service without its container being replaced.
const NOT_HASHED: [&str; 5] = ["build", "pull_policy", "scale", "depends_on", "profiles"];

/// Hashes a service as it stands.
pub(super) fn service(service: &Service, flavor: HashFlavor) -> String {
    let mut value = to_value(service);
    if let Value::Object(map) = &mut value {
        for key in NOT_HASHED {
            map.shift_remove(key);
        }
        if let Some(Value::Object(deploy)) = map.get_mut("deploy") {
            deploy.shift_remove("replicas");
        }
        if let (HashFlavor::V5, Some(Value::Array(volumes))) = (flavor, map.get_mut("volumes")) {
            volumes.iter_mut().for_each(print_create_host_path_when_false);
        }
    }
    digest(&value)
}

/// Hashes a network.
pub(super) fn network(network: &Network) -> String {
    digest(&to_value(network))
}

/// Hashes a volume.
pub(super) fn volume(volume: &Volume) -> String {
    let mut volume = volume.clone();
    if volume.driver.is_empty() {
        volume.driver = "local".into();
    }
    digest(&to_value(&volume))
}

/// Compose 5 leaves `create_host_path` out when it is true.
fn print_create_host_path_when_false(volume: &mut Value) {
    let Some(Value::Object(bind)) = volume.get_mut("bind") else { return };
    if bind.shift_remove("create_host_path").is_none() {
        let before = bind.keys().take_while(|key| matches!(key.as_str(), "selinux" | "propagation")).count();
        bind.shift_insert(before, "create_host_path".into(), Value::Bool(false));
    }
}

/// Returns the model's JSON form, keys in the order of its fields.
pub(super) fn to_value<T: Serialize>(model: &T) -> Value {
    serde_json::to_value(model).expect("the model has string keys and finite numbers only")
}

fn digest(value: &Value) -> String {
    hex::encode(Sha256::digest(json::compact(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_and_volumes_hash_as_compose_hashes_them() {
        let net = Network { name: "sem-t1_default".into(), ..Network::default() };
        assert!(network(&net).starts_with("075b2b79"));
        let vol = Volume { name: "sem-t1_data".into(), ..Volume::default() };
        assert!(volume(&vol).starts_with("12aa9881"));
    }

    #[test]
    fn compose_5_prints_create_host_path_only_when_false() {
        let mut volume = serde_json::json!({"bind": {"propagation": "rslave", "recursive": "disabled"}});
        print_create_host_path_when_false(&mut volume);
        assert_eq!(
            volume.to_string(),
            r#"{"bind":{"propagation":"rslave","create_host_path":false,"recursive":"disabled"}}"#
        );
        let mut volume = serde_json::json!({"bind": {"create_host_path": true}});
        print_create_host_path_when_false(&mut volume);
        assert_eq!(volume.to_string(), r#"{"bind":{}}"#);
    }
}
