//! Networks, endpoints, addresses and links.

use super::*;

fn endpoint(fields: Value, network: &str) -> Value {
    let request = json!(request(fields));
    request["NetworkingConfig"]["EndpointsConfig"][network].clone()
}

#[test]
fn networks_and_volumes_carry_their_definition_and_external_ones_are_only_named() {
    let fields = json!({
        "networks": { "default": null, "back": null, "lan": null },
        "volumes": [{ "type": "volume", "source": "data", "target": "/d", "volume": {} }],
    });
    let desired = desired(&json!({ "web": with_defaults(fields) }));
    let back = desired.networks["back"].create.as_ref().expect("ours to make");
    assert_eq!((back.name.as_str(), back.internal, back.driver.as_str()), ("app_back", true, ""));
    assert_eq!(back.labels[label::compose::NETWORK], "back");
    assert_eq!(back.labels["dev.evenkeel.stack"], "app");
    assert_eq!(desired.networks["lan"], DesiredNetwork { name: "lan".into(), create: None });
    let data = desired.volumes["data"].create.as_ref().expect("ours to make");
    assert_eq!(data.labels["keep"], "yes");
    assert_eq!(data.labels[label::compose::VOLUME], "data");
    assert_eq!(desired.volumes["media"], DesiredVolume { name: "media".into(), create: None });
}

#[test]
fn the_primary_network_is_the_one_with_the_highest_priority_then_the_first_by_key() {
    let mode = |networks| host(json!({ "networks": networks }), &["NetworkMode"])["NetworkMode"].clone();
    assert_eq!(mode(json!({ "default": null, "back": null })), "app_back");
    assert_eq!(mode(json!({ "default": { "priority": 5 }, "back": null })), "app_default");
    assert_eq!(mode(json!({})), "none");
}

#[test]
fn a_network_mode_says_it_all() {
    let request = request(json!({ "network_mode": "host", "networks": {} }));
    assert_eq!(request.host_config.network_mode, "host");
    assert_eq!(request.networking_config, None);
}

#[test]
fn aliases_addresses_and_options_go_to_the_endpoint() {
    let networks = json!({ "back": {
        "aliases": ["api"], "ipv4_address": "10.0.0.5", "ipv6_address": "fd00::5", "link_local_ips": ["169.254.1.1"],
        "driver_opts": { "a": "1" }, "gw_priority": 7, "interface_name": "eth7", "mac_address": "02:00:00:00:00:01",
    } });
    let expected = json!({
        "Aliases": ["app-web-1", "web", "api"],
        "IPAddress": "10.0.0.5", "IPv6Gateway": "fd00::5",
        "IPAMConfig": { "IPv4Address": "10.0.0.5", "IPv6Address": "fd00::5", "LinkLocalIPs": ["169.254.1.1"] },
        "MacAddress": "02:00:00:00:00:01",
        "DriverOpts": { "a": "1", "com.docker.network.endpoint.ifname": "eth7" },
        "GwPriority": 7,
    });
    assert_eq!(endpoint(json!({ "networks": networks }), "app_back"), expected);
}

#[test]
fn an_address_that_the_network_does_not_have_is_refused() {
    let on = |network: &str, fields: Value| messages(&errors(json!({ "networks": { network: fields } })));
    assert_eq!(
        on("back", json!({ "ipv4_address": "10.0.1.5", "ipv6_address": "fd00::5" })),
        ["services.web.networks.back.ipv4_address: 10.0.1.5 is in no subnet of network `back`"]
    );
    assert_eq!(
        on("default", json!({ "ipv4_address": "10.0.0.5" })),
        [
            "services.web.networks.default.ipv4_address: network `default` has no subnet of its own, so that 10.0.0.5 cannot \
          be had on it"
        ]
    );
    let lan = json!({ "networks": { "lan": { "ipv4_address": "10.0.1.5" } } });
    let services = json!({ "web": with_defaults(lan) });
    render(&project(&services), &tree(), &context(), &Builds::default())
        .expect("an external network's subnets are not known here");
}

#[test]
fn the_hardware_address_is_the_primary_endpoints_or_on_old_engines_the_containers() {
    let fields = json!({ "mac_address": "02:00:00:00:00:01", "networks": { "default": null, "back": null } });
    assert_eq!(endpoint(fields.clone(), "app_back")["MacAddress"], "02:00:00:00:00:01");
    assert_eq!(endpoint(fields.clone(), "app_default")["MacAddress"], Value::Null);
    assert_eq!(request(fields.clone()).mac_address, "");

    let old = Context { api: (1, 43), ..context() };
    let services = json!({ "web": with_defaults(fields) });
    let desired = render(&project(&services), &tree(), &old, &Builds::default()).expect("it renders");
    let request = &desired.services.values().next().expect("one service").containers[0].request;
    assert_eq!(request.mac_address, "02:00:00:00:00:01");

    let second = json!({ "networks": { "back": null, "default": { "mac_address": "02:00:00:00:00:01" } } });
    let text = "services.web.networks.default.mac_address: \
                a hardware address on a network that is not the first needs engine API 1.44";
    assert_eq!(messages(&errors_with(second, &old)), [text]);
}

#[test]
fn two_different_hardware_addresses_are_refused() {
    let fields = json!({
        "mac_address": "02:00:00:00:00:01", "networks": { "back": { "mac_address": "02:00:00:00:00:02" } },
    });
    let text = "services.web.mac_address: \
                the service-level mac_address should have the same value as network back";
    assert_eq!(messages(&errors(fields)), [text]);
}

#[test]
fn links_name_the_targets_containers_as_compose_does() {
    let desired = desired(&json!({
        "db": with_defaults(json!({ "scale": 2 })),
        "web": with_defaults(json!({ "links": ["db:store"], "external_links": ["legacy:old"] })),
    }));
    let web = &desired.services[&ServiceName::new("web").expect("a name")].containers[0].request;
    let expected = [
        "app-db-1:store",
        "app-db-1:db-1",
        "app-db-1:app-db-1",
        "app-db-2:store",
        "app-db-2:db-1",
        "app-db-2:app-db-1",
        "legacy:old",
    ];
    assert_eq!(web.host_config.links, expected);
    let endpoints = &web.networking_config.as_ref().expect("networks").endpoints_config;
    assert_eq!(endpoints["app_default"].links, expected);
}
