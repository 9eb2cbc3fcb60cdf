//! The table of a service.

use super::BOOLEAN;
use super::INTEGER;
use super::Keys;
use super::NULL;
use super::NUMBER;
use super::Others;
use super::Shape;
use super::TEXT;
use super::deploy::BUILD;
use super::deploy::COMMAND;
use super::deploy::DEPLOY;
use super::deploy::DEVELOP;
use super::deploy::GPUS;
use super::deploy::HOOK;
use super::deploy::PROVIDER;
use super::top::EXTRA_HOSTS;
use super::top::FILE_REFERENCES;
use super::top::LIST_OR_DICT;
use super::top::NOTHING;
use super::top::OPTIONS;
use super::top::SET_OF_STRINGS;
use super::top::STRING;
use super::top::STRING_OR_BOOLEAN;
use super::top::STRING_OR_INTEGER;
use super::top::STRING_OR_LIST;
use super::top::STRING_OR_NUMBER;
use super::top::STRINGS;
use super::top::ULIMITS;

pub(super) static SERVICE: Shape =
    Shape::Map(&Keys { known: &SERVICE_KEYS, required: &[], others: Others::Extensions });

static SERVICE_KEYS: [(&str, &Shape); 92] = [
    ("develop", &DEVELOP),
    ("deploy", &DEPLOY),
    ("annotations", &LIST_OR_DICT),
    ("attach", &STRING_OR_BOOLEAN),
    ("build", &BUILD),
    ("blkio_config", &BLKIO),
    ("cap_add", &SET_OF_STRINGS),
    ("cap_drop", &SET_OF_STRINGS),
    ("cgroup", &Shape::Words(&["host", "private"])),
    ("cgroup_parent", &STRING),
    ("command", &COMMAND),
    ("configs", &FILE_REFERENCES),
    ("container_name", &Shape::Like(is_container_name, "[a-zA-Z0-9][a-zA-Z0-9_.-]+")),
    ("cpu_count", &Shape::Ranged(TEXT | INTEGER, 0, i64::MAX)),
    ("cpu_percent", &Shape::Ranged(TEXT | INTEGER, 0, 100)),
    ("cpu_shares", &STRING_OR_NUMBER),
    ("cpu_quota", &STRING_OR_NUMBER),
    ("cpu_period", &STRING_OR_NUMBER),
    ("cpu_rt_period", &STRING_OR_NUMBER),
    ("cpu_rt_runtime", &STRING_OR_NUMBER),
    ("cpus", &STRING_OR_NUMBER),
    ("cpuset", &STRING),
    ("credential_spec", &CREDENTIAL_SPEC),
    ("depends_on", &DEPENDS_ON),
    ("device_cgroup_rules", &SET_OF_STRINGS),
    ("devices", &DEVICES),
    ("dns", &STRING_OR_LIST),
    ("dns_opt", &SET_OF_STRINGS),
    ("dns_search", &STRING_OR_LIST),
    ("domainname", &STRING),
    ("entrypoint", &COMMAND),
    ("env_file", &ENV_FILE),
    ("label_file", &Shape::Either(&[&STRING, &STRINGS])),
    ("environment", &LIST_OR_DICT),
    ("expose", &Shape::Set(&STRING_OR_NUMBER)),
    ("extends", &EXTENDS),
    ("provider", &PROVIDER),
    ("external_links", &SET_OF_STRINGS),
    ("extra_hosts", &EXTRA_HOSTS),
    ("gpus", &GPUS),
    ("group_add", &Shape::Set(&STRING_OR_NUMBER)),
    ("healthcheck", &HEALTHCHECK),
    ("hostname", &STRING),
    ("image", &STRING),
    ("init", &STRING_OR_BOOLEAN),
    ("ipc", &STRING),
    ("isolation", &STRING),
    ("labels", &LIST_OR_DICT),
    ("links", &SET_OF_STRINGS),
    ("logging", &LOGGING),
    ("mac_address", &STRING),
    ("mem_limit", &STRING_OR_NUMBER),
    ("mem_reservation", &STRING_OR_INTEGER),
    ("mem_swappiness", &STRING_OR_INTEGER),
    ("memswap_limit", &STRING_OR_NUMBER),
    ("network_mode", &STRING),
    ("models", &MODELS),
    ("networks", &NETWORKS),
    ("oom_kill_disable", &STRING_OR_BOOLEAN),
    ("oom_score_adj", &Shape::Ranged(TEXT | INTEGER, -1000, 1000)),
    ("pid", &Shape::Scalar(TEXT | NULL)),
    ("pids_limit", &STRING_OR_NUMBER),
    ("platform", &STRING),
    ("ports", &PORTS),
    ("post_start", &Shape::List(&HOOK)),
    ("pre_stop", &Shape::List(&HOOK)),
    ("privileged", &STRING_OR_BOOLEAN),
    ("profiles", &SET_OF_STRINGS),
    ("pull_policy", &Shape::Like(is_pull_policy, PULL_POLICY)),
    ("pull_refresh_after", &STRING),
    ("read_only", &STRING_OR_BOOLEAN),
    ("restart", &STRING),
    ("runtime", &STRING),
    ("scale", &STRING_OR_INTEGER),
    ("security_opt", &SET_OF_STRINGS),
    ("shm_size", &STRING_OR_NUMBER),
    ("secrets", &FILE_REFERENCES),
    ("sysctls", &LIST_OR_DICT),
    ("stdin_open", &STRING_OR_BOOLEAN),
    ("stop_grace_period", &STRING),
    ("stop_signal", &STRING),
    ("storage_opt", &Shape::Map(&Keys { known: &[], required: &[], others: Others::Free })),
    ("tmpfs", &STRING_OR_LIST),
    ("tty", &STRING_OR_BOOLEAN),
    ("ulimits", &ULIMITS),
    ("use_api_socket", &Shape::Scalar(BOOLEAN)),
    ("user", &STRING),
    ("uts", &STRING),
    ("userns_mode", &STRING),
    ("volumes", &VOLUMES),
    ("volumes_from", &SET_OF_STRINGS),
    ("working_dir", &STRING),
];

const PULL_POLICY: &str =
    "always|never|build|if_not_present|missing|refresh|daily|weekly|every_([0-9]+[wdhms])+";

/// Whether the pattern is found in the text; it need not be the whole of it.
fn is_container_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.windows(2).any(|pair| {
        pair[0].is_ascii_alphanumeric()
            && (pair[1].is_ascii_alphanumeric() || matches!(pair[1], b'_' | b'.' | b'-'))
    })
}

/// Whether the pattern is found in the text; it need not be the whole of it.
fn is_pull_policy(text: &str) -> bool {
    let words = ["always", "never", "build", "if_not_present", "missing", "refresh", "daily", "weekly"];
    words.iter().any(|word| text.contains(word))
        || text.match_indices("every_").any(|(at, every)| {
            let rest = &text[at + every.len()..];
            let unit = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            unit.len() < rest.len() && unit.starts_with(['w', 'd', 'h', 'm', 's'])
        })
}

static DEPENDS_ON: Shape = Shape::Either(&[
    &SET_OF_STRINGS,
    &Shape::Map(&Keys {
        known: &[],
        required: &[],
        others: Others::Named(&Shape::Map(&Keys {
            known: &[
                ("restart", &STRING_OR_BOOLEAN),
                ("required", &Shape::Scalar(BOOLEAN)),
                (
                    "condition",
                    &Shape::Words(&["service_started", "service_healthy", "service_completed_successfully"]),
                ),
            ],
            required: &["condition"],
            others: Others::Extensions,
        })),
    }),
]);

static NETWORKS: Shape = Shape::Either(&[
    &SET_OF_STRINGS,
    &Shape::Map(&Keys {
        known: &[],
        required: &[],
        others: Others::Named(&Shape::Either(&[
            &NOTHING,
            &Shape::Map(&Keys {
                known: &[
                    ("aliases", &SET_OF_STRINGS),
                    ("interface_name", &STRING),
                    ("ipv4_address", &STRING),
                    ("ipv6_address", &STRING),
                    ("link_local_ips", &SET_OF_STRINGS),
                    ("mac_address", &STRING),
                    ("driver_opts", &OPTIONS),
                    ("priority", &Shape::Scalar(NUMBER | INTEGER)),
                    ("gw_priority", &Shape::Scalar(NUMBER | INTEGER)),
                ],
                required: &[],
                others: Others::Extensions,
            }),
        ])),
    }),
]);

static MODELS: Shape = Shape::Either(&[
    &SET_OF_STRINGS,
    &Shape::Map(&Keys {
        known: &[],
        required: &[],
        others: Others::NamedOrFree(&Shape::Either(&[
            &NOTHING,
            &Shape::Map(&Keys {
                known: &[("endpoint_var", &STRING), ("model_var", &STRING)],
                required: &[],
                others: Others::Extensions,
            }),
        ])),
    }),
]);

static PORTS: Shape = Shape::Set(&Shape::Either(&[
    &STRING_OR_NUMBER,
    &Shape::Map(&Keys {
        known: &[
            ("name", &STRING),
            ("mode", &STRING),
            ("host_ip", &STRING),
            ("target", &STRING_OR_INTEGER),
            ("published", &STRING_OR_INTEGER),
            ("protocol", &STRING),
            ("app_protocol", &STRING),
        ],
        required: &[],
        others: Others::Extensions,
    }),
]));

static VOLUMES: Shape = Shape::Set(&Shape::Either(&[
    &STRING,
    &Shape::Map(&Keys {
        known: &[
            ("type", &Shape::Words(&["bind", "volume", "tmpfs", "cluster", "npipe", "image"])),
            ("source", &STRING),
            ("target", &STRING),
            ("read_only", &STRING_OR_BOOLEAN),
            ("consistency", &STRING),
            ("bind", &BIND),
            ("volume", &MOUNTED_VOLUME),
            ("tmpfs", &TMPFS),
            (
                "image",
                &Shape::Map(&Keys {
                    known: &[("subpath", &STRING)],
                    required: &[],
                    others: Others::Extensions,
                }),
            ),
        ],
        required: &["type"],
        others: Others::Extensions,
    }),
]));

static BIND: Shape = Shape::Map(&Keys {
    known: &[
        ("propagation", &STRING),
        ("create_host_path", &STRING_OR_BOOLEAN),
        ("recursive", &Shape::Words(&["enabled", "disabled", "writable", "readonly"])),
        ("selinux", &Shape::Words(&["z", "Z"])),
    ],
    required: &[],
    others: Others::Extensions,
});

static MOUNTED_VOLUME: Shape = Shape::Map(&Keys {
    known: &[("labels", &LIST_OR_DICT), ("nocopy", &STRING_OR_BOOLEAN), ("subpath", &STRING)],
    required: &[],
    others: Others::Extensions,
});

static TMPFS: Shape = Shape::Map(&Keys {
    known: &[("size", &Shape::Ranged(TEXT | INTEGER, 0, i64::MAX)), ("mode", &STRING_OR_NUMBER)],
    required: &[],
    others: Others::Extensions,
});

static BLKIO: Shape = Shape::Map(&Keys {
    known: &[
        ("device_read_bps", &BLKIO_LIMITS),
        ("device_read_iops", &BLKIO_LIMITS),
        ("device_write_bps", &BLKIO_LIMITS),
        ("device_write_iops", &BLKIO_LIMITS),
        ("weight", &STRING_OR_INTEGER),
        (
            "weight_device",
            &Shape::List(&Shape::Map(&Keys {
                known: &[("path", &STRING), ("weight", &STRING_OR_INTEGER)],
                required: &[],
                others: Others::Refused,
            })),
        ),
    ],
    required: &[],
    others: Others::Refused,
});

static BLKIO_LIMITS: Shape = Shape::List(&Shape::Map(&Keys {
    known: &[("path", &STRING), ("rate", &STRING_OR_INTEGER)],
    required: &[],
    others: Others::Refused,
}));

static CREDENTIAL_SPEC: Shape = Shape::Map(&Keys {
    known: &[("config", &STRING), ("file", &STRING), ("registry", &STRING)],
    required: &[],
    others: Others::Extensions,
});

static DEVICES: Shape = Shape::List(&Shape::Either(&[
    &STRING,
    &Shape::Map(&Keys {
        known: &[("source", &STRING), ("target", &STRING), ("permissions", &STRING)],
        required: &["source"],
        others: Others::Extensions,
    }),
]));

static ENV_FILE: Shape = Shape::Either(&[
    &STRING,
    &Shape::List(&Shape::Either(&[
        &STRING,
        &Shape::Map(&Keys {
            known: &[("path", &STRING), ("format", &STRING), ("required", &STRING_OR_BOOLEAN)],
            required: &["path"],
            others: Others::Refused,
        }),
    ])),
]);

static EXTENDS: Shape = Shape::Either(&[
    &STRING,
    &Shape::Map(&Keys {
        known: &[("service", &STRING), ("file", &STRING)],
        required: &["service"],
        others: Others::Refused,
    }),
]);

static HEALTHCHECK: Shape = Shape::Map(&Keys {
    known: &[
        ("disable", &STRING_OR_BOOLEAN),
        ("interval", &STRING),
        ("retries", &STRING_OR_NUMBER),
        ("test", &Shape::Either(&[&STRING, &STRINGS])),
        ("timeout", &STRING),
        ("start_period", &STRING),
        ("start_interval", &STRING),
    ],
    required: &[],
    others: Others::Extensions,
});

static LOGGING: Shape = Shape::Map(&Keys {
    known: &[
        ("driver", &STRING),
        (
            "options",
            &Shape::Map(&Keys {
                known: &[],
                required: &[],
                others: Others::Each(&Shape::Scalar(TEXT | NUMBER | INTEGER | NULL)),
            }),
        ),
    ],
    required: &[],
    others: Others::Extensions,
});
