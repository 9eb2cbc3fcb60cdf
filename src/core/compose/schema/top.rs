//! The tables of a file's top level: networks, volumes, secrets, configs, models, and the forms shared by all.

use super::BOOLEAN;
use super::INTEGER;
use super::Keys;
use super::NULL;
use super::NUMBER;
use super::Others;
use super::Shape;
use super::TEXT;
use super::service::SERVICE;

pub(super) static FILE: Shape = Shape::Map(&Keys {
    known: &[
        ("version", &STRING),
        ("name", &STRING),
        ("include", &Shape::List(&INCLUDE)),
        ("services", &names(&Keys { known: &[], required: &[], others: Others::Named(&SERVICE) })),
        ("models", &names(&Keys { known: &[], required: &[], others: Others::NamedOrFree(&MODEL) })),
        ("networks", &names(&Keys { known: &[], required: &[], others: Others::NamedOrFree(&NETWORK) })),
        ("volumes", &names(&Keys { known: &[], required: &[], others: Others::Named(&VOLUME) })),
        ("secrets", &names(&Keys { known: &[], required: &[], others: Others::Named(&SECRET) })),
        ("configs", &names(&Keys { known: &[], required: &[], others: Others::Named(&CONFIG) })),
    ],
    required: &[],
    others: Others::Extensions,
});

const fn names(keys: &'static Keys) -> Shape {
    Shape::Map(keys)
}

pub(super) static STRING: Shape = Shape::Scalar(TEXT);
pub(super) static STRING_OR_BOOLEAN: Shape = Shape::Scalar(TEXT | BOOLEAN);
pub(super) static STRING_OR_INTEGER: Shape = Shape::Scalar(TEXT | INTEGER);
pub(super) static STRING_OR_NUMBER: Shape = Shape::Scalar(TEXT | NUMBER | INTEGER);
pub(super) static STRINGS: Shape = Shape::List(&STRING);
pub(super) static SET_OF_STRINGS: Shape = Shape::Set(&STRING);
pub(super) static STRING_OR_LIST: Shape = Shape::Either(&[&STRING, &SET_OF_STRINGS]);
pub(super) static NOTHING: Shape = Shape::Scalar(NULL);

pub(super) static LIST_OR_DICT: Shape = Shape::Either(&[
    &Shape::Map(&Keys {
        known: &[],
        required: &[],
        others: Others::Each(&Shape::Scalar(TEXT | NUMBER | INTEGER | BOOLEAN | NULL)),
    }),
    &SET_OF_STRINGS,
]);

pub(super) static EXTRA_HOSTS: Shape = Shape::Either(&[
    &Shape::Map(&Keys {
        known: &[],
        required: &[],
        others: Others::Each(&Shape::Either(&[&STRING, &STRINGS])),
    }),
    &SET_OF_STRINGS,
]);

pub(super) static OPTIONS: Shape =
    Shape::Map(&Keys { known: &[], required: &[], others: Others::Each(&STRING_OR_NUMBER) });

pub(super) static ULIMITS: Shape = Shape::Map(&Keys {
    known: &[],
    required: &[],
    others: Others::Lowercase(&Shape::Either(&[
        &STRING_OR_INTEGER,
        &Shape::Map(&Keys {
            known: &[("hard", &STRING_OR_INTEGER), ("soft", &STRING_OR_INTEGER)],
            required: &["soft", "hard"],
            others: Others::Extensions,
        }),
    ])),
});

pub(super) static FILE_REFERENCES: Shape = Shape::List(&Shape::Either(&[
    &STRING,
    &Shape::Map(&Keys {
        known: &[
            ("source", &STRING),
            ("target", &STRING),
            ("uid", &STRING),
            ("gid", &STRING),
            ("mode", &STRING_OR_NUMBER),
        ],
        required: &[],
        others: Others::Extensions,
    }),
]));

static INCLUDE: Shape = Shape::Either(&[
    &STRING,
    &Shape::Map(&Keys {
        known: &[("path", &STRING_OR_LIST), ("env_file", &STRING_OR_LIST), ("project_directory", &STRING)],
        required: &[],
        others: Others::Refused,
    }),
]);

static EXTERNAL: Shape = Shape::Either(&[
    &STRING_OR_BOOLEAN,
    &Shape::Map(&Keys { known: &[("name", &STRING)], required: &[], others: Others::Extensions }),
]);

static LOOSE_EXTERNAL: Shape = Shape::Either(&[
    &STRING_OR_BOOLEAN,
    &Shape::Map(&Keys { known: &[("name", &STRING)], required: &[], others: Others::Free }),
]);

static TEXTS_BY_KEY: Shape = Shape::Map(&Keys { known: &[], required: &[], others: Others::Each(&STRING) });

static NETWORK: Shape = Shape::Either(&[
    &NOTHING,
    &Shape::Map(&Keys {
        known: &[
            ("name", &STRING),
            ("driver", &STRING),
            ("driver_opts", &OPTIONS),
            (
                "ipam",
                &Shape::Map(&Keys {
                    known: &[
                        ("driver", &STRING),
                        (
                            "config",
                            &Shape::List(&Shape::Map(&Keys {
                                known: &[
                                    ("subnet", &STRING),
                                    ("ip_range", &STRING),
                                    ("gateway", &STRING),
                                    ("aux_addresses", &TEXTS_BY_KEY),
                                ],
                                required: &[],
                                others: Others::Extensions,
                            })),
                        ),
                        ("options", &TEXTS_BY_KEY),
                    ],
                    required: &[],
                    others: Others::Extensions,
                }),
            ),
            ("external", &EXTERNAL),
            ("internal", &STRING_OR_BOOLEAN),
            ("enable_ipv4", &STRING_OR_BOOLEAN),
            ("enable_ipv6", &STRING_OR_BOOLEAN),
            ("attachable", &STRING_OR_BOOLEAN),
            ("labels", &LIST_OR_DICT),
        ],
        required: &[],
        others: Others::Extensions,
    }),
]);

static VOLUME: Shape = Shape::Either(&[
    &NOTHING,
    &Shape::Map(&Keys {
        known: &[
            ("name", &STRING),
            ("driver", &STRING),
            ("driver_opts", &OPTIONS),
            ("external", &EXTERNAL),
            ("labels", &LIST_OR_DICT),
        ],
        required: &[],
        others: Others::Extensions,
    }),
]);

static SECRET: Shape = Shape::Map(&Keys {
    known: &[
        ("name", &STRING),
        ("environment", &STRING),
        ("file", &STRING),
        ("external", &LOOSE_EXTERNAL),
        ("labels", &LIST_OR_DICT),
        ("driver", &STRING),
        ("driver_opts", &OPTIONS),
        ("template_driver", &STRING),
    ],
    required: &[],
    others: Others::Extensions,
});

static CONFIG: Shape = Shape::Map(&Keys {
    known: &[
        ("name", &STRING),
        ("content", &STRING),
        ("environment", &STRING),
        ("file", &STRING),
        ("external", &LOOSE_EXTERNAL),
        ("labels", &LIST_OR_DICT),
        ("template_driver", &STRING),
    ],
    required: &[],
    others: Others::Extensions,
});

static MODEL: Shape = Shape::Map(&Keys {
    known: &[
        ("name", &STRING),
        ("model", &STRING),
        ("context_size", &Shape::Scalar(INTEGER)),
        ("runtime_flags", &STRINGS),
    ],
    required: &["model"],
    others: Others::Extensions,
});
