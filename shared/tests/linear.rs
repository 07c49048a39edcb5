//! Whatever is sent, reading it takes time that grows with its length and no faster.
//!
//! What is counted is the time of the same work on a text and on one 16 times as long, each the best of several runs, so
//! that a busy machine does not matter: quadratic work would take 256 times as long.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use muster_shared::domain::email::{Email, fold_address};
use muster_shared::domain::id::UserId;
use muster_shared::domain::licence::Code;
use muster_shared::domain::phone::{Phone, PhonePolicy};
use muster_shared::domain::rate::PerKwh;
use muster_shared::domain::text::{ExternalId, Link, Locale, Module, Name, Title, Username, fold};
use muster_shared::domain::vat::VatNumber;
use muster_shared::files::Reader;
use muster_shared::http;

const SHORT: usize = 16 * 1024;
const GROWTH: u32 = 16;
/// Between 16, which is linear, and 256.
const MOST: u32 = GROWTH * 4;
/// Below it nothing is told from the machine's own noise, and nobody waits.
const NOISE: Duration = Duration::from_millis(2);
const RUNS: usize = 5;

/// What texts are made of: whatever makes some parser look twice.
const PIECES: [&str; 31] = [
    "a",
    "A",
    "0",
    " ",
    ".",
    "@",
    "a@",
    "a.",
    "\"",
    "\"\"",
    "(",
    "()",
    "\\",
    "<",
    ",",
    ";",
    "\t",
    "-",
    "+",
    "+1",
    "=",
    "xn--",
    "%",
    "a\u{301}",
    "\u{301}\u{323}",
    "\u{fdfa}",
    "\u{1f600}",
    "ß",
    "İ",
    "\u{202e}",
    "eyJh.",
];

/// Two texts of a piece, the second 16 times as long as the first.
fn texts(piece: &str) -> [String; 2] {
    let times = SHORT / piece.len();
    [times, times * GROWTH as usize].map(|times| piece.repeat(times))
}

/// And what files are.
const LINES: [&str; 8] = [
    "\n",
    "\r",
    "\r\n",
    "T-1,\"a\nb\",c\n",
    "\"\n",
    "\u{feff}\n",
    "ä,\"\"\n",
    "\0,\n",
];

fn best<T: ?Sized>(read: &dyn Fn(&T), input: &T) -> Duration {
    let run = || {
        let began = Instant::now();
        read(input);
        began.elapsed()
    };
    (0..RUNS).map(|_| run()).min().unwrap_or_default()
}

fn assert_linear<T: ?Sized>(what: &str, read: &dyn Fn(&T), [short, long]: [&T; 2]) {
    let long = best(read, long);
    if long > NOISE {
        let short = best(read, short);
        assert!(
            long < short * MOST,
            "{what}: {short:?}, and {long:?} for {GROWTH} times as much"
        );
    }
}

type Parser = (&'static str, &'static dyn Fn(&str));

#[test]
fn every_text_is_read_in_linear_time() {
    let parsers: [Parser; 20] = [
        ("fold", &|text| drop(black_box(fold(text)))),
        ("fold_address", &|text| drop(black_box(fold_address(text)))),
        ("fold_address of a domain", &|text| {
            drop(black_box(fold_address(&format!("a@{text}"))))
        }),
        ("e-mail", &|text| drop(black_box(Email::parse(text)))),
        ("phone E.164", &|text| {
            drop(black_box(Phone::parse(text, PhonePolicy::E164)))
        }),
        ("phone NANP", &|text| {
            drop(black_box(Phone::parse(text, PhonePolicy::Nanp10)))
        }),
        ("phone free", &|text| {
            drop(black_box(Phone::parse(text, PhonePolicy::Free)))
        }),
        ("external id", &|text| {
            drop(black_box(ExternalId::parse(text)))
        }),
        ("name", &|text| drop(black_box(Name::parse(text)))),
        ("title", &|text| drop(black_box(Title::parse(text)))),
        ("username", &|text| drop(black_box(Username::parse(text)))),
        ("locale", &|text| drop(black_box(Locale::parse(text)))),
        ("module", &|text| drop(black_box(Module::parse(text)))),
        ("link", &|text| drop(black_box(Link::parse(text)))),
        ("id", &|text| drop(black_box(UserId::parse(text)))),
        ("licence code", &|text| drop(black_box(Code::parse(text)))),
        ("VAT number", &|text| {
            drop(black_box(VatNumber::parse(text)))
        }),
        ("rate", &|text| drop(black_box(PerKwh::parse(text)))),
        ("cursor", &|text| drop(black_box(http::cursor(text)))),
        ("token", &|text| {
            drop(black_box(jsonwebtoken::decode_header(text)))
        }),
    ];
    for piece in PIECES {
        let texts = texts(piece);
        for (name, read) in parsers {
            let what = format!("{name} of {piece:?}");
            assert_linear(&what, read, [texts[0].as_str(), texts[1].as_str()]);
        }
    }
}

#[test]
fn every_file_is_read_in_linear_time() {
    const HEADER: &str = "External ID,Email,Last Name\n";
    let read: &dyn Fn(&[u8]) = &|file| {
        let (mut reader, mut rows) = (Reader::new(), Vec::new());
        // Rows are let go of, as the import does.
        for part in file.chunks(8 * 1024) {
            if reader.push(part, &mut rows).is_err() {
                return;
            }
            rows.clear();
        }
        black_box(reader.finish(&mut rows)).ok();
    };
    let files = ["", HEADER, "External ID;\"Email"]
        .into_iter()
        .flat_map(|head| PIECES.iter().chain(&LINES).map(move |piece| (head, *piece)));
    for (head, piece) in files {
        let utf8 = texts(piece).map(|text| format!("{head}{text}").into_bytes());
        let utf16 = texts(piece).map(|text| -> Vec<u8> {
            let units = format!("\u{feff}{head}{text}");
            units.encode_utf16().flat_map(u16::to_le_bytes).collect()
        });
        let broken = texts(piece).map(|text| {
            let bytes = format!("{head}é{text}").into_bytes();
            bytes
                .iter()
                .flat_map(|byte| [*byte, 0xC3])
                .collect::<Vec<u8>>()
        });
        for (encoding, [short, long]) in [("UTF-8", utf8), ("UTF-16", utf16), ("broken", broken)] {
            let what = format!("{encoding} file of {head:?} and {piece:?}");
            assert_linear(&what, read, [short.as_slice(), long.as_slice()]);
        }
    }
}
