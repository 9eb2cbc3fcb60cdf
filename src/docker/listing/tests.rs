//! Listings as engines of two ages and Podman write them.

use serde::de::DeserializeOwned;

use super::*;
use crate::docker::read::strip_nulls;

fn read<T: DeserializeOwned>(text: &str) -> T {
    let mut answer = serde_json::from_str(text).expect("JSON");
    strip_nulls(&mut answer);
    serde_json::from_value(answer).expect("readable")
}

#[test]
fn a_container_is_read_from_old_engines_and_new_ones() {
    let listed: Vec<ListedContainer> = read(
        r#"[
        {"Id":"0123456789abcdef","Names":["/other/alias","/p-web-1"],"Image":"web:1","ImageID":"sha256:1",
         "Command":"sleep","Created":1700000000,"State":"running","Status":"Up 2 days (healthy)","SizeRw":3,
         "Ports":[{"IP":"0.0.0.0","PrivatePort":80,"PublicPort":8080,"Type":"tcp"},
                  {"IP":"::","PrivatePort":80,"PublicPort":8080,"Type":"tcp"},{"PrivatePort":81,"Type":"tcp"}],
         "Labels":{"com.docker.compose.project":"p","com.docker.compose.service":"web",
                   "com.docker.compose.container-number":"1"},
         "HostConfig":{"NetworkMode":"p_default"},
         "NetworkSettings":{"Networks":{"p_default":{"IPAMConfig":null,"Links":null,"Aliases":null,
           "NetworkID":"n1","EndpointID":"e1","IPAddress":"172.18.0.2","DriverOpts":null}}},
         "Mounts":[{"Type":"volume","Name":"data","Source":"","Destination":"/data","Driver":"local","Mode":"z",
                    "RW":true,"Propagation":""}]},
        {"Id":"fedcba9876543210","Names":["/p-job-1"],"Image":"sha256:2","ImageID":"sha256:2",
         "ImageManifestDescriptor":{"mediaType":"x","digest":"sha256:9","size":4},"State":"hibernating",
         "Ports":[],"Labels":{},"HostConfig":{"NetworkMode":"none","Annotations":{"a":"b"}},
         "Health":{"Status":"none","FailingStreak":0},
         "NetworkSettings":{"Networks":{"none":{"GwPriority":0,"MacAddress":"","DNSNames":null,"NetworkID":""}}},
         "Mounts":[{"Type":"cluster","Destination":"/c","RW":false}]}
        ]"#,
    );
    let found: Vec<Container> = listed.into_iter().map(ListedContainer::into_core).collect();
    assert_eq!((found[0].name.as_str(), found[1].name.as_str()), ("p-web-1", "p-job-1"));
    assert_eq!(found[0].compose.as_ref().expect("Compose's").service.as_str(), "web");
    assert_eq!(found[0].networks["p_default"].network_id, "n1");
    assert_eq!(found[0].mounts[0].name, "data");
    let port = PublishedPort { ip: String::new(), port: 8080, protocol: "tcp".into() };
    assert_eq!(found[0].ports, [port]);
    assert_eq!(found[1].state, State::Unknown("hibernating".into()));
    assert_eq!(found[1].mounts[0].kind, "cluster");
}

#[test]
fn a_container_is_read_from_podman() {
    let listed: Vec<ListedContainer> = read(
        r#"[{"Id":"c1","Names":["/p-web-1"],"Image":"docker.io/library/busybox:latest","ImageID":"sha256:1",
        "Command":"true","Created":1700000000,"Ports":null,"Labels":null,"State":"exited","Status":"",
        "NetworkSettings":null,"Mounts":null,"Name":"","Config":null,"NetworkingConfig":null,"Platform":null,
        "DefaultReadOnlyNonRecursive":false}]"#,
    );
    let found = listed.into_iter().map(ListedContainer::into_core).next().expect("one");
    assert_eq!((found.name.as_str(), &found.state), ("p-web-1", &State::Exited));
    assert!(found.ports.is_empty() && found.networks.is_empty() && found.mounts.is_empty());
}

#[test]
fn a_network_is_read_without_what_is_not_used() {
    let listed: Vec<ListedNetwork> = read(
        r#"[
        {"Name":"p_default","Id":"n1","Created":"2026-01-02T03:04:05.6Z","Scope":"local","Driver":"bridge",
         "EnableIPv6":false,"IPAM":{"Driver":"default","Options":null,"Config":[{"Subnet":"172.18.0.0/16"}]},
         "Internal":false,"ConfigFrom":{"Network":""},"Containers":{},"Options":{},
         "Labels":{"com.docker.compose.network":"default"}},
        {"Name":"none","Id":"n2","Scope":"galaxy","Driver":"null","EnableIPv4":true,"Peers":[{}],"Labels":null}
        ]"#,
    );
    let found: Vec<Network> = listed.into_iter().map(ListedNetwork::into_core).collect();
    assert_eq!(found[0].request.labels["com.docker.compose.network"], "default");
    assert!(found[0].created_at.is_some());
    let ipam = found[0].request.ipam.as_ref().expect("address management");
    assert_eq!(
        (ipam.config[0].subnet.as_str(), found[0].request.enable_ipv6),
        ("172.18.0.0/16", Some(false))
    );
    let request = &found[1].request;
    assert_eq!((found[1].id.as_str(), request.driver.as_str(), request.labels.len()), ("n2", "null", 0));
    assert_eq!((&request.ipam, found[1].created_at), (&None, None));
}

#[test]
fn volumes_are_read_where_fields_are_null_or_left_out() {
    let names = |text: &str| -> Vec<String> {
        let listed: ListedVolumes = read(text);
        listed.volumes.into_iter().map(|volume| volume.into_core().name).collect()
    };
    let docker = r#"{"Volumes":[
        {"CreatedAt":"2026-01-02T03:04:05Z","Driver":"local","Labels":null,"Mountpoint":"/v/a","Name":"a",
         "Options":null,"Scope":"local"},
        {"Name":"b"},
        {"Name":"c","Driver":"csi","Scope":"galaxy","ClusterVolume":{"ID":"x"},"Labels":{"k":"v"}}
        ],"Warnings":null}"#;
    assert_eq!(names(docker), ["a", "b", "c"]);
    assert_eq!(names(r#"{"Volumes":null,"Warnings":null}"#), Vec::<String>::new());
    assert_eq!(names("{}"), Vec::<String>::new());
}

#[test]
fn images_are_known_by_the_short_form_of_all_their_names() {
    let listed: Vec<ListedImage> = read(
        r#"[
        {"Containers":-1,"Created":1700000000,"Id":"sha256:1","Labels":null,"ParentId":"","SharedSize":-1,"Size":1,
         "VirtualSize":1,"RepoTags":["busybox:latest"],"RepoDigests":["busybox@sha256:ab"]},
        {"Id":"sha256:2","RepoTags":["<none>:<none>"],"RepoDigests":["<none>@<none>"]},
        {"Id":"sha256:3","RepoTags":null,"RepoDigests":null,"Manifests":[{"Kind":"of tomorrow"}],"Descriptor":{}},
        {"Id":"sha256:4","RepoTags":["docker.io/library/busybox:1"],"RepoDigests":["docker.io/o/a@sha256:cd"]}
        ]"#,
    );
    let found: Vec<Vec<String>> = listed.into_iter().map(|image| image.into_core().references).collect();
    assert_eq!(found[0], ["busybox:latest", "busybox@sha256:ab"]);
    assert_eq!((found[1].len(), found[2].len()), (0, 0));
    assert_eq!(found[3], ["busybox:1", "o/a@sha256:cd"]);
}

#[test]
fn an_engine_without_an_api_version_is_an_error_that_shows_what_it_said() {
    let info =
        read::<AboutEngine>(r#"{"ApiVersion":"1.41","Version":"20.10.24","Components":null}"#).into_core();
    assert_eq!(info, Ok(EngineInfo { version: "20.10.24".into(), api: (1, 41), is_podman: false }));
    let error = read::<AboutEngine>(r#"{"ApiVersion":"soon"}"#).into_core().expect_err("no version");
    assert!(error.message.ends_with("`soon`"), "{error}");
}
