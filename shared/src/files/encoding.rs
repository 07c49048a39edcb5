//! Bytes of an upload to text: the encoding is found out on the way, as late as the first byte that tells.

use std::fmt;

use super::error::FileError;
use super::foreign::Foreign;

/// How many bytes decide what kind of file it is.
const HEAD: usize = 512;
/// How many bytes, from the first one that is not ASCII, decide between UTF-8 and Windows-1252.
const LOOK_AHEAD: usize = 64 * 1024;

/// How the text of a file is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8; pure ASCII is this too.
    Utf8,
    /// UTF-8 that starts with a byte order mark.
    Utf8WithBom,
    /// UTF-16, the lower byte first.
    Utf16Le,
    /// UTF-16, the higher byte first.
    Utf16Be,
    /// What Windows programs of western Europe and America call ANSI.
    Windows1252,
}

impl Encoding {
    /// The name that people know it by.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf8WithBom => "UTF-8 with BOM",
            Self::Utf16Le => "UTF-16 LE",
            Self::Utf16Be => "UTF-16 BE",
            Self::Windows1252 => "Windows-1252",
        }
    }

    /// The encoding that the mark at the start tells, or that of NULs in every other byte, as ASCII has in UTF-16.
    fn from_head(head: &[u8]) -> Option<Self> {
        match head {
            [0xEF, 0xBB, 0xBF, ..] => return Some(Self::Utf8WithBom),
            [0xFF, 0xFE, ..] => return Some(Self::Utf16Le),
            [0xFE, 0xFF, ..] => return Some(Self::Utf16Be),
            _ => {}
        }
        let nuls_at = |offset| {
            head.iter()
                .skip(offset)
                .step_by(2)
                .filter(|byte| **byte == 0)
                .count()
        };
        let (even, odd) = (nuls_at(0), nuls_at(1));
        if even == 0 && odd > head.len() / 4 {
            Some(Self::Utf16Le)
        } else if odd == 0 && even > head.len() / 4 {
            Some(Self::Utf16Be)
        } else {
            None
        }
    }

    /// UTF-8 or Windows-1252: letters with accents rarely look like UTF-8 by accident, while a few broken
    /// sequences in UTF-8 are no reason to misread all the others.
    fn from_sample(sample: &[u8], last: bool) -> Self {
        let (mut valid, mut broken) = (0, 0);
        let mut at = 0;
        for chunk in sample.utf8_chunks() {
            valid += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
            at += chunk.valid().len() + chunk.invalid().len();
            // A sequence cut by the end of the sample is not broken, unless it is the end of the file.
            let cut = at == sample.len() && !last;
            broken += usize::from(!chunk.invalid().is_empty() && !cut);
        }
        if valid >= broken {
            Self::Utf8
        } else {
            Self::Windows1252
        }
    }

    fn decoder(self) -> encoding_rs::Decoder {
        match self {
            Self::Utf8 | Self::Utf8WithBom => encoding_rs::UTF_8,
            Self::Utf16Le => encoding_rs::UTF_16LE,
            Self::Utf16Be => encoding_rs::UTF_16BE,
            Self::Windows1252 => encoding_rs::WINDOWS_1252,
        }
        .new_decoder_with_bom_removal()
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Turns bytes into text as they come. What cannot be decoded becomes U+FFFD.
pub(super) struct TextDecoder {
    stage: Stage,
    /// Bytes not decoded yet, because what they are is still open.
    held: Vec<u8>,
}

enum Stage {
    /// Too few bytes seen to tell anything.
    Head,
    /// Only ASCII so far: it reads the same in UTF-8 and Windows-1252.
    Ascii,
    /// The first byte above ASCII came; gathering the sample that decides.
    Sample,
    Known(Encoding, encoding_rs::Decoder),
}

impl TextDecoder {
    pub(super) fn new() -> Self {
        Self {
            stage: Stage::Head,
            held: Vec::new(),
        }
    }

    /// The encoding as far as it is known.
    pub(super) fn encoding(&self) -> Encoding {
        match self.stage {
            Stage::Known(encoding, _) => encoding,
            Stage::Head | Stage::Ascii | Stage::Sample => Encoding::Utf8,
        }
    }

    /// Appends to `text` what `bytes` say; `last` when no more come.
    pub(super) fn decode(
        &mut self,
        bytes: &[u8],
        last: bool,
        text: &mut String,
    ) -> Result<(), FileError> {
        if let Stage::Known(_, decoder) = &mut self.stage {
            append(decoder, bytes, last, text);
            return Ok(());
        }
        self.held.extend_from_slice(bytes);
        if matches!(self.stage, Stage::Head) && (last || self.held.len() >= HEAD) {
            let head = self.held.get(..HEAD).unwrap_or(&self.held);
            self.stage = match Encoding::from_head(head) {
                Some(encoding) => Stage::Known(encoding, encoding.decoder()),
                None => Stage::Ascii,
            };
            let is_utf16 = matches!(
                self.stage,
                Stage::Known(Encoding::Utf16Le | Encoding::Utf16Be, _)
            );
            if let Some(foreign) = Foreign::recognise(head)
                && !is_utf16
            {
                return Err(FileError::NotCsv(foreign));
            }
        }
        if matches!(self.stage, Stage::Ascii) {
            let ascii = encoding_rs::Encoding::ascii_valid_up_to(&self.held);
            text.push_str(&String::from_utf8_lossy(
                self.held.get(..ascii).unwrap_or_default(),
            ));
            self.held.drain(..ascii);
            if !self.held.is_empty() {
                self.stage = Stage::Sample;
            }
        }
        if matches!(self.stage, Stage::Sample) && (last || self.held.len() >= LOOK_AHEAD) {
            let sample = self.held.get(..LOOK_AHEAD).unwrap_or(&self.held);
            let encoding = Encoding::from_sample(sample, last);
            self.stage = Stage::Known(encoding, encoding.decoder());
        }
        if let Stage::Known(_, decoder) = &mut self.stage {
            append(decoder, &std::mem::take(&mut self.held), last, text);
        }
        Ok(())
    }
}

fn append(decoder: &mut encoding_rs::Decoder, mut bytes: &[u8], last: bool, text: &mut String) {
    loop {
        let room = decoder.max_utf8_buffer_length(bytes.len());
        text.reserve(room.unwrap_or(bytes.len()));
        let (result, read, _) = decoder.decode_to_string(bytes, text, last);
        bytes = bytes.get(read..).unwrap_or_default();
        if result == encoding_rs::CoderResult::InputEmpty {
            return;
        }
    }
}
