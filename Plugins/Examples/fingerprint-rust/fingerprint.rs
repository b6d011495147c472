//! `fingerprint`: adds a number that is the same for the same record, so that those who read a channel can leave out repeats.
//!
//!     plugins: [{ path: fingerprint.so }]
//!     routes: [{ topic: orders, transform: { fingerprint: { field: id } }, channel: orders }]
//!
//! FNV-1a over the key and the value, byte for byte, as 16 hexadecimal digits.

use std::ffi::c_void;

// ---- The interface: patchbay_plugin.h in Rust

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Bytes {
    data: u64,
    length: u32,
    present: u32,
}

#[repr(C)]
pub struct Record {
    offset: i64,
    timestamp_ms: i64,
    key: Bytes,
    value: Bytes,
    partition: i32,
    header_count: u32,
    headers: u64,
}

#[repr(C)]
pub struct Batch {
    record_size: u32,
    count: u32,
    topic: Bytes,
    records: u64,
}

#[repr(C)]
pub struct Output {
    size: u32,
    abi: u32,
    emit: extern "C" fn(*const Output, u32, *const u8, u32),
    reject: extern "C" fn(*const Output, u32, *const u8, u32, *const u8, u32, *const u8, u32),
    filter: extern "C" fn(*const Output, u32, *const u8, u32),
    log: extern "C" fn(*const Output, u32, *const u8, u32),
}

impl Bytes {
    /// What it is for as long as the call takes.
    unsafe fn slice<'a>(&self) -> Option<&'a [u8]> {
        if self.present == 0 {
            None
        } else if self.length == 0 {
            Some(&[])
        } else {
            Some(std::slice::from_raw_parts(self.data as usize as *const u8, self.length as usize))
        }
    }
}

impl Batch {
    /// Records are `record_size` apart, which may be more than we know of.
    unsafe fn record(&self, number: u32) -> &Record {
        &*((self.records as usize + number as usize * self.record_size as usize) as *const Record)
    }
}

const DESCRIPTION: &str = r#"{"version":"1.0.0","transformers":[{
  "name":"fingerprint",
  "summary":"Adds a number that is the same for the same record.",
  "shorthand":"field",
  "options":[
    {"name":"field","kind":"string","default":"fingerprint","example":"field: id",
     "documentation":"Name of the field that is added, of letters, digits and `_`; it comes last."}],
  "examples":[
    {"title":"A field more","options":{"field":"id"},"input":"{\"a\":1}","data":"{\"a\":1,\"id\":\"9c3e82dd6fcae8b1\"}"},
    {"title":"An empty object","input":"{}","data":"{\"fingerprint\":\"08f44b07b5901a25\"}"},
    {"title":"A list has no fields","input":"[1]","rejected":{"code":"not_an_object"}}]}]}"#;

struct Description(Bytes);
// Sound: never written.
unsafe impl Sync for Description {}

#[no_mangle]
pub extern "C" fn patchbay_abi() -> u32 {
    1
}

#[no_mangle]
pub extern "C" fn patchbay_describe() -> *const Bytes {
    static ONCE: std::sync::OnceLock<Description> = std::sync::OnceLock::new();
    &ONCE
        .get_or_init(|| Description(Bytes { data: DESCRIPTION.as_ptr() as u64, length: DESCRIPTION.len() as u32, present: 1 }))
        .0
}

struct Fingerprint {
    field: Vec<u8>,
    out: Vec<u8>,
}

/// The text behind `"field":"`: the only option, checked by the host, and without escapes or it is refused.
fn field(options: &[u8]) -> Option<Vec<u8>> {
    let start = b"{\"field\":\"";
    let rest = options.strip_prefix(start)?;
    let name = &rest[..rest.iter().position(|byte| *byte == b'"')?];
    let is_right = !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    is_right.then(|| name.to_vec())
}

/// # Safety
/// As patchbay_plugin.h says.
#[no_mangle]
pub unsafe extern "C" fn patchbay_create(_transformer: u32, options: *const Bytes, output: *const Output) -> *mut c_void {
    match (*options).slice().and_then(field) {
        Some(field) => Box::into_raw(Box::new(Fingerprint { field, out: Vec::new() })) as *mut c_void,
        None => {
            let text = "`field` must be made of letters, digits and `_`";
            ((*output).log)(output, 3, text.as_ptr(), text.len() as u32);
            std::ptr::null_mut()
        }
    }
}

fn hash(parts: [&[u8]; 2]) -> u64 {
    parts.iter().fold(0xcbf2_9ce4_8422_2325, |hash, part| {
        part.iter().fold(hash, |hash: u64, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
    })
}

impl Fingerprint {
    /// The value with one field more; `None` when it is no object. Whether it is JSON the host finds out.
    fn add(&mut self, key: &[u8], value: &[u8]) -> Option<&[u8]> {
        let end = value.iter().rposition(|byte| !byte.is_ascii_whitespace())?;
        let start = value.iter().position(|byte| !byte.is_ascii_whitespace())?;
        if value[start] != b'{' || value[end] != b'}' || start == end {
            return None;
        }
        let is_empty = value[start + 1..end].iter().all(u8::is_ascii_whitespace);
        self.out.clear();
        self.out.extend_from_slice(&value[..end]);
        self.out.extend_from_slice(if is_empty { b"\"" } else { b",\"" });
        self.out.extend_from_slice(&self.field);
        self.out.extend_from_slice(b"\":\"");
        let hash = hash([key, value]);
        for place in (0..16).rev() {
            self.out.push(b"0123456789abcdef"[(hash >> (place * 4) & 15) as usize]);
        }
        self.out.extend_from_slice(b"\"}");
        Some(&self.out)
    }
}

/// # Safety
/// As patchbay_plugin.h says.
#[no_mangle]
pub unsafe extern "C" fn patchbay_process(instance: *mut c_void, batch: *const Batch, output: *const Output) -> i32 {
    let instance = &mut *(instance as *mut Fingerprint);
    for number in 0..(*batch).count {
        let record = (*batch).record(number);
        let key = record.key.slice().unwrap_or(&[]);
        match record.value.slice().and_then(|value| instance.add(key, value)) {
            Some(data) => ((*output).emit)(output, number, data.as_ptr(), data.len() as u32),
            None => {
                let (code, text) = ("not_an_object", "the value must be a JSON object");
                let none = std::ptr::null();
                ((*output).reject)(output, number, code.as_ptr(), code.len() as u32, none, 0, text.as_ptr(), text.len() as u32)
            }
        }
    }
    0
}

/// # Safety
/// As patchbay_plugin.h says.
#[no_mangle]
pub unsafe extern "C" fn patchbay_destroy(instance: *mut c_void) {
    drop(Box::from_raw(instance as *mut Fingerprint));
}
