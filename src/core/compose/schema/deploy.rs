//! The tables of a service's `deploy`, `develop`, `build`, hooks and devices.

use super::BOOLEAN;
use super::INTEGER;
use super::Keys;
use super::NULL;
use super::NUMBER;
use super::Others;
use super::Shape;
use super::TEXT;
use super::top::EXTRA_HOSTS;
use super::top::FILE_REFERENCES;
use super::top::LIST_OR_DICT;
use super::top::NOTHING;
use super::top::SET_OF_STRINGS;
use super::top::STRING;
use super::top::STRING_OR_BOOLEAN;
use super::top::STRING_OR_INTEGER;
use super::top::STRING_OR_LIST;
use super::top::STRING_OR_NUMBER;
use super::top::STRINGS;
use super::top::ULIMITS;

pub(super) static COMMAND: Shape = Shape::Either(&[&Shape::Scalar(NULL | TEXT), &STRINGS]);

pub(super) static HOOK: Shape = Shape::Map(&Keys {
    known: &[
        ("command", &COMMAND),
        ("user", &STRING),
        ("privileged", &STRING_OR_BOOLEAN),
        ("working_dir", &STRING),
        ("environment", &LIST_OR_DICT),
    ],
    required: &["command"],
    others: Others::Extensions,
});

pub(super) static BUILD: Shape = Shape::Either(&[
    &STRING,
    &Shape::Map(&Keys {
        known: &[
            ("context", &STRING),
            ("dockerfile", &STRING),
            ("dockerfile_inline", &STRING),
            ("entitlements", &STRINGS),
            ("args", &LIST_OR_DICT),
            ("ssh", &LIST_OR_DICT),
            ("labels", &LIST_OR_DICT),
            ("cache_from", &STRINGS),
            ("cache_to", &STRINGS),
            ("no_cache", &STRING_OR_BOOLEAN),
            ("additional_contexts", &LIST_OR_DICT),
            ("network", &STRING),
            ("provenance", &STRING_OR_BOOLEAN),
            ("sbom", &STRING_OR_BOOLEAN),
            ("pull", &STRING_OR_BOOLEAN),
            ("target", &STRING),
            ("shm_size", &STRING_OR_INTEGER),
            ("extra_hosts", &EXTRA_HOSTS),
            ("isolation", &STRING),
            ("privileged", &STRING_OR_BOOLEAN),
            ("secrets", &FILE_REFERENCES),
            ("tags", &STRINGS),
            ("ulimits", &ULIMITS),
            ("platforms", &STRINGS),
        ],
        required: &[],
        others: Others::Extensions,
    }),
]);

pub(super) static DEVELOP: Shape = Shape::Either(&[
    &NOTHING,
    &Shape::Map(&Keys {
        known: &[(
            "watch",
            &Shape::List(&Shape::Map(&Keys {
                known: &[
                    ("ignore", &STRING_OR_LIST),
                    ("include", &STRING_OR_LIST),
                    ("path", &STRING),
                    ("action", &Shape::Words(&["rebuild", "sync", "restart", "sync+restart", "sync+exec"])),
                    ("target", &STRING),
                    ("exec", &HOOK),
                    ("initial_sync", &Shape::Scalar(BOOLEAN)),
                ],
                required: &["path", "action"],
                others: Others::Extensions,
            })),
        )],
        required: &[],
        others: Others::Extensions,
    }),
]);

static UPDATE_CONFIG: Shape = Shape::Map(&Keys {
    known: &[
        ("parallelism", &STRING_OR_INTEGER),
        ("delay", &STRING),
        ("failure_action", &STRING),
        ("monitor", &STRING),
        ("max_failure_ratio", &STRING_OR_NUMBER),
        ("order", &Shape::Words(&["start-first", "stop-first"])),
    ],
    required: &[],
    others: Others::Extensions,
});

static DEVICE_KEYS: [(&str, &Shape); 5] = [
    ("capabilities", &SET_OF_STRINGS),
    ("count", &STRING_OR_INTEGER),
    ("device_ids", &SET_OF_STRINGS),
    ("driver", &STRING),
    ("options", &LIST_OR_DICT),
];

pub(super) static GPUS: Shape = Shape::Either(&[
    &Shape::Words(&["all"]),
    &Shape::List(&Shape::Map(&Keys { known: &DEVICE_KEYS, required: &[], others: Others::Free })),
]);

static DEVICES: Shape = Shape::List(&Shape::Map(&Keys {
    known: &DEVICE_KEYS,
    required: &["capabilities"],
    others: Others::Extensions,
}));

static GENERIC_RESOURCES: Shape = Shape::List(&Shape::Map(&Keys {
    known: &[(
        "discrete_resource_spec",
        &Shape::Map(&Keys {
            known: &[("kind", &STRING), ("value", &STRING_OR_NUMBER)],
            required: &[],
            others: Others::Extensions,
        }),
    )],
    required: &[],
    others: Others::Extensions,
}));

static RESOURCES: Shape = Shape::Map(&Keys {
    known: &[
        (
            "limits",
            &Shape::Map(&Keys {
                known: &[("cpus", &STRING_OR_NUMBER), ("memory", &STRING), ("pids", &STRING_OR_INTEGER)],
                required: &[],
                others: Others::Extensions,
            }),
        ),
        (
            "reservations",
            &Shape::Map(&Keys {
                known: &[
                    ("cpus", &STRING_OR_NUMBER),
                    ("memory", &STRING),
                    ("generic_resources", &GENERIC_RESOURCES),
                    ("devices", &DEVICES),
                ],
                required: &[],
                others: Others::Extensions,
            }),
        ),
    ],
    required: &[],
    others: Others::Extensions,
});

pub(super) static DEPLOY: Shape = Shape::Either(&[
    &NOTHING,
    &Shape::Map(&Keys {
        known: &[
            ("mode", &STRING),
            ("endpoint_mode", &STRING),
            ("replicas", &STRING_OR_INTEGER),
            ("labels", &LIST_OR_DICT),
            ("rollback_config", &UPDATE_CONFIG),
            ("update_config", &UPDATE_CONFIG),
            ("resources", &RESOURCES),
            (
                "restart_policy",
                &Shape::Map(&Keys {
                    known: &[
                        ("condition", &STRING),
                        ("delay", &STRING),
                        ("max_attempts", &STRING_OR_INTEGER),
                        ("window", &STRING),
                    ],
                    required: &[],
                    others: Others::Extensions,
                }),
            ),
            (
                "placement",
                &Shape::Map(&Keys {
                    known: &[
                        ("constraints", &STRINGS),
                        (
                            "preferences",
                            &Shape::List(&Shape::Map(&Keys {
                                known: &[("spread", &STRING)],
                                required: &[],
                                others: Others::Extensions,
                            })),
                        ),
                        ("max_replicas_per_node", &STRING_OR_INTEGER),
                    ],
                    required: &[],
                    others: Others::Extensions,
                }),
            ),
        ],
        required: &[],
        others: Others::Extensions,
    }),
]);

static SCALAR: Shape = Shape::Scalar(TEXT | NUMBER | INTEGER | BOOLEAN);

pub(super) static PROVIDER: Shape = Shape::Map(&Keys {
    known: &[
        ("type", &STRING),
        (
            "options",
            &Shape::Map(&Keys {
                known: &[],
                required: &[],
                others: Others::Each(&Shape::Either(&[&SCALAR, &Shape::List(&SCALAR)])),
            }),
        ),
    ],
    required: &["type"],
    others: Others::Extensions,
});
