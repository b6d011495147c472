/// What `plugin new` writes; NAME stands for the plugin's name.
enum PluginTemplates {
    static let c = #"""
        // `NAME`: a transformer for Patchbay. `make` builds it, `make test` tries it out; patchbay_plugin.h says what the rules are.
        LIBRARY

        #include "patchbay_plugin.h"

        // What there is. The examples are tests, and the router's documents show them.
        static const char description[] =
            "{\"version\":\"0.1.0\",\"transformers\":[{"
            "\"name\":\"NAME\","
            "\"summary\":\"Says how long a record is, and refuses long ones.\","
            "\"options\":[{\"name\":\"max_bytes\",\"kind\":\"integer\",\"minimum\":1,\"maximum\":1000000,\"default\":1000,\"unit\":\"bytes\","
            "\"documentation\":\"A longer record is rejected.\",\"example\":\"max_bytes: 500\"}],"
            "\"examples\":["
            "{\"title\":\"A record\",\"input\":\"{\\\"a\\\":1}\",\"data\":\"{\\\"bytes\\\":7,\\\"record\\\":{\\\"a\\\":1}}\"},"
            "{\"title\":\"A long one\",\"options\":{\"max_bytes\":5},\"input\":\"{\\\"a\\\":1}\",\"rejected\":{\"code\":\"too_long\"}}"
            "]}]}";

        uint32_t patchbay_abi(void) { return PATCHBAY_ABI; }

        const pb_bytes *patchbay_describe(void) {
            static pb_bytes text;
            text.data.bits = (uint64_t)(uintptr_t)description;
            text.length = sizeof description - 1;
            text.present = 1;
            return &text;
        }

        // One of these for each route and thread: what is in it needs no lock.
        typedef struct {
            uint32_t max_bytes;
            char *out;
            size_t capacity;
        } NAME_t;

        static void fail(const pb_output *output, const char *reason) { pb_log(output, PATCHBAY_ERROR, reason, (uint32_t)strlen(reason)); }

        // `options` is what the description allows: {"max_bytes":1000}
        void *patchbay_create(uint32_t transformer, const pb_bytes *options, const pb_output *output) {
            static const char start[] = "{\"max_bytes\":";
            const size_t length = sizeof start - 1;
            uint32_t max_bytes = 0;
            if (transformer == 0 && options->length > length && memcmp(options->data.at, start, length) == 0) {
                const uint8_t *digit = options->data.at + length, *end = options->data.at + options->length;
                for (; digit < end && *digit >= '0' && *digit <= '9' && max_bytes < 100000000; digit++)
                    max_bytes = max_bytes * 10 + (uint32_t)(*digit - '0');
            }
            NAME_t *instance = max_bytes > 0 ? calloc(1, sizeof *instance) : NULL;
            if (!instance) {
                fail(output, "`max_bytes` is missing");
                return NULL;
            }
            instance->max_bytes = max_bytes;
            return instance;
        }

        static void refuse(const pb_output *output, uint32_t number, const char *code, const char *reason) {
            pb_reject(output, number, code, (uint32_t)strlen(code), NULL, 0, reason, (uint32_t)strlen(reason));
        }

        static char *append(char *to, const void *from, size_t count) {
            if (count > 0) memcpy(to, from, count);
            return to + count;
        }

        static char *append_number(char *to, uint32_t number) {
            char digits[10];
            size_t count = 0;
            do digits[sizeof digits - ++count] = (char)('0' + number % 10);
            while (number /= 10);
            return append(to, digits + sizeof digits - count, count);
        }

        // Each record gets one verdict: pb_emit, pb_reject or pb_filter. What is emitted must be JSON; the router checks that.
        int32_t patchbay_process(void *at, const pb_batch *batch, const pb_output *output) {
            static const char start[] = "{\"bytes\":", middle[] = ",\"record\":";
            NAME_t *instance = at;
            for (uint32_t number = 0; number < batch->count; number++) {
                const pb_bytes *value = &pb_record_at(batch, number)->value;
                if (!value->present || value->length > instance->max_bytes) {
                    refuse(output, number, "too_long", "the record is longer than `max_bytes`");
                    continue;
                }
                size_t needed = (size_t)value->length + 64;
                if (needed > instance->capacity) {
                    char *out = realloc(instance->out, needed);
                    if (!out) return 1;
                    instance->out = out;
                    instance->capacity = needed;
                }
                char *end = append(instance->out, start, sizeof start - 1);
                end = append_number(end, value->length);
                end = append(end, middle, sizeof middle - 1);
                end = append(end, value->data.at, value->length);
                end = append(end, "}", 1);
                pb_emit(output, number, instance->out, (uint32_t)(end - instance->out));
            }
            return 0;
        }

        void patchbay_destroy(void *at) {
            NAME_t *instance = at;
            free(instance->out);
            free(instance);
        }

        """#

    static let swift = ##"""
        // `NAME`: a transformer for Patchbay. `make` builds it, `make test` tries it out; patchbay_plugin.h says what the rules are.

        /// What there is. The examples are tests, and the router's documents show them.
        private let description = #"""
            {"version":"0.1.0","transformers":[{
              "name":"NAME",
              "summary":"Says how long a record is, and refuses long ones.",
              "options":[
                {"name":"max_bytes","kind":"integer","minimum":1,"maximum":1000000,"default":1000,"unit":"bytes",
                 "documentation":"A longer record is rejected.","example":"max_bytes: 500"}],
              "examples":[
                {"title":"A record","input":"{\"a\":1}","data":"{\"bytes\":7,\"record\":{\"a\":1}}"},
                {"title":"A long one","options":{"max_bytes":5},"input":"{\"a\":1}","rejected":{"code":"too_long"}}]
            }]}
            """#

        /// One of these for each route and thread: what is in it needs no lock.
        final class Transformer {
            private let maxBytes: Int
            private var out: [UInt8] = []

            /// - Parameter options: what the description allows: {"max_bytes":1000}
            init?(_ options: UnsafeBufferPointer<UInt8>) {
                let start = Array(#"{"max_bytes":"#.utf8)
                guard options.starts(with: start), let number = Int(String(decoding: options.dropFirst(start.count).dropLast(), as: UTF8.self))
                else { return nil }
                maxBytes = number
            }

            /// Each record gets one verdict: pb_emit, pb_reject or pb_filter. What is emitted must be JSON; the router checks that.
            func judge(_ value: UnsafeBufferPointer<UInt8>?, _ number: UInt32, _ output: UnsafePointer<pb_output>) {
                guard let value, value.count <= maxBytes else {
                    return refuse(number, "too_long", "the record is longer than `max_bytes`", output)
                }
                out.removeAll(keepingCapacity: true)
                out.append(contentsOf: "{\"bytes\":\(value.count),\"record\":".utf8)
                out.append(contentsOf: value)
                out.append(UInt8(ascii: "}"))
                out.withUnsafeBytes { pb_emit(output, number, $0.baseAddress, UInt32($0.count)) }
            }

            private func refuse(_ number: UInt32, _ code: StaticString, _ reason: StaticString, _ output: UnsafePointer<pb_output>) {
                pb_reject(output, number, code.characters, code.length, nil, 0, reason.characters, reason.length)
            }
        }

        extension StaticString {
            fileprivate var characters: UnsafePointer<CChar> { UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self) }
            fileprivate var length: UInt32 { UInt32(utf8CodeUnitCount) }
        }

        extension pb_bytes {
            /// Valid during the call.
            fileprivate var buffer: UnsafeBufferPointer<UInt8>? {
                present == 0 ? nil : UnsafeBufferPointer(start: data.at, count: Int(length))
            }
        }

        // MARK: What the router calls

        /// Made once, and never freed.
        private nonisolated(unsafe) let described: UnsafePointer<pb_bytes> = {
            let text = Array(description.utf8)
            let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: text.count)
            bytes.initialize(from: text, count: text.count)
            let result = UnsafeMutablePointer<pb_bytes>.allocate(capacity: 1)
            result.initialize(to: pb_bytes(data: pb_address(at: bytes), length: UInt32(text.count), present: 1))
            return UnsafePointer(result)
        }()

        @c(patchbay_abi)
        public func abi() -> UInt32 { 1 }

        @c(patchbay_describe)
        public func describe() -> UnsafePointer<pb_bytes>? { described }

        @c(patchbay_create)
        public func create(
            _ transformer: UInt32, _ options: UnsafePointer<pb_bytes>?, _ output: UnsafePointer<pb_output>?
        ) -> UnsafeMutableRawPointer? {
            guard let output else { return nil }
            guard transformer == 0, let options = options?.pointee.buffer, let instance = Transformer(options) else {
                let reason: StaticString = "`max_bytes` is missing"
                pb_log(output, 3, reason.characters, reason.length)
                return nil
            }
            return Unmanaged.passRetained(instance).toOpaque()
        }

        @c(patchbay_process)
        public func process(
            _ instance: UnsafeMutableRawPointer?, _ batch: UnsafePointer<pb_batch>?, _ output: UnsafePointer<pb_output>?
        ) -> Int32 {
            guard let instance, let batch, let output else { return 1 }
            let transformer = Unmanaged<Transformer>.fromOpaque(instance).takeUnretainedValue()
            for number in 0..<batch.pointee.count {
                guard let record = pb_record_at(batch, number) else { return 1 }
                transformer.judge(record.pointee.value.buffer, number, output)
            }
            return 0
        }

        @c(patchbay_destroy)
        public func destroy(_ instance: UnsafeMutableRawPointer?) {
            if let instance { Unmanaged<Transformer>.fromOpaque(instance).release() }
        }

        """##

    static let rust = ##"""
        //! `NAME`: a transformer for Patchbay. `make` builds it, `make test` tries it out. What the rules are, Patchbay's
        //! patchbay_plugin.h says: `patchbay plugin header` prints it.

        use std::ffi::c_void;
        use std::io::Write;

        /// What there is. The examples are tests, and the router's documents show them.
        const DESCRIPTION: &str = r#"{"version":"0.1.0","transformers":[{
          "name":"NAME",
          "summary":"Says how long a record is, and refuses long ones.",
          "options":[
            {"name":"max_bytes","kind":"integer","minimum":1,"maximum":1000000,"default":1000,"unit":"bytes",
             "documentation":"A longer record is rejected.","example":"max_bytes: 500"}],
          "examples":[
            {"title":"A record","input":"{\"a\":1}","data":"{\"bytes\":7,\"record\":{\"a\":1}}"},
            {"title":"A long one","options":{"max_bytes":5},"input":"{\"a\":1}","rejected":{"code":"too_long"}}]
        }]}"#;

        /// One of these for each route and thread: what is in it needs no lock.
        struct Transformer {
            max_bytes: usize,
            out: Vec<u8>,
        }

        impl Transformer {
            /// `options` is what the description allows: {"max_bytes":1000}
            fn new(options: &[u8]) -> Option<Transformer> {
                let number = options.strip_prefix(b"{\"max_bytes\":")?.strip_suffix(b"}")?;
                let max_bytes = std::str::from_utf8(number).ok()?.parse().ok()?;
                Some(Transformer { max_bytes, out: Vec::new() })
            }

            /// What becomes of a record. The data must be JSON; the router checks that.
            fn judge(&mut self, value: Option<&[u8]>) -> Verdict<'_> {
                match value {
                    Some(value) if value.len() <= self.max_bytes => {
                        self.out.clear();
                        let _ = write!(self.out, "{{\"bytes\":{},\"record\":", value.len());
                        self.out.extend_from_slice(value);
                        self.out.push(b'}');
                        Verdict::Emit(&self.out)
                    }
                    _ => Verdict::Reject("too_long", "the record is longer than `max_bytes`"),
                }
            }
        }

        enum Verdict<'a> {
            Emit(&'a [u8]),
            Reject(&'static str, &'static str),
        }

        // ---- patchbay_plugin.h in Rust

        #[repr(C)]
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
            /// Valid during the call.
            unsafe fn slice<'a>(&self) -> Option<&'a [u8]> {
                match (self.present, self.length) {
                    (0, _) => None,
                    (_, 0) => Some(&[]),
                    _ => Some(std::slice::from_raw_parts(self.data as usize as *const u8, self.length as usize)),
                }
            }
        }

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
            let made = || Description(Bytes { data: DESCRIPTION.as_ptr() as u64, length: DESCRIPTION.len() as u32, present: 1 });
            &ONCE.get_or_init(made).0
        }

        /// # Safety
        /// As patchbay_plugin.h says.
        #[no_mangle]
        pub unsafe extern "C" fn patchbay_create(_transformer: u32, options: *const Bytes, output: *const Output) -> *mut c_void {
            match (*options).slice().and_then(Transformer::new) {
                Some(transformer) => Box::into_raw(Box::new(transformer)) as *mut c_void,
                None => {
                    let reason = "`max_bytes` is missing";
                    ((*output).log)(output, 3, reason.as_ptr(), reason.len() as u32);
                    std::ptr::null_mut()
                }
            }
        }

        /// # Safety
        /// As patchbay_plugin.h says.
        #[no_mangle]
        pub unsafe extern "C" fn patchbay_process(instance: *mut c_void, batch: *const Batch, output: *const Output) -> i32 {
            let transformer = &mut *(instance as *mut Transformer);
            for number in 0..(*batch).count {
                // Records are record_size apart, which may be more than we know of.
                let address = (*batch).records as usize + number as usize * (*batch).record_size as usize;
                let record = &*(address as *const Record);
                match transformer.judge(record.value.slice()) {
                    Verdict::Emit(data) => ((*output).emit)(output, number, data.as_ptr(), data.len() as u32),
                    Verdict::Reject(code, reason) => ((*output).reject)(
                        output, number, code.as_ptr(), code.len() as u32, std::ptr::null(), 0, reason.as_ptr(), reason.len() as u32,
                    ),
                }
            }
            0
        }

        /// # Safety
        /// As patchbay_plugin.h says.
        #[no_mangle]
        pub unsafe extern "C" fn patchbay_destroy(instance: *mut c_void) {
            drop(Box::from_raw(instance as *mut Transformer));
        }

        """##

    static let makeC = """
        CC = clang
        PATCHBAY = patchbay

        NAME.so: NAME.c patchbay_plugin.h
        \t$(CC) -std=c11 -O2 -Wall -Wextra -shared -fPIC -fvisibility=hidden -o $@ NAME.c

        """

    static let libraryC = """
        #include <stdlib.h>
        #include <string.h>
        """

    static let libraryCWasm = """
        // Memory and bytes: there is no C library.
        #include "patchbay_wasm.h"
        """

    static let makeCWasm = """
        # For WebAssembly, with a clang that knows wasm32 and finds wasm-ld.
        CC = clang
        PATCHBAY = patchbay

        NAME.wasm: NAME.c patchbay_wasm.c patchbay_wasm.h patchbay_plugin.h
        \t$(CC) --target=wasm32 -std=c11 -O2 -Wall -Wextra -msimd128 -mbulk-memory -nostdlib -Wl,--no-entry,--strip-all -o $@ NAME.c patchbay_wasm.c

        """

    static let makeSwiftWasm = """
        # Embedded Swift for WebAssembly, with a toolchain of Swift alone: its clang links.
        SWIFTC = swiftc
        CC = clang
        PATCHBAY = patchbay
        EXPORTS = $(foreach name,abi describe create process tick destroy,-Wl,--export-if-defined=patchbay_$(name))

        NAME.wasm: NAME.swift patchbay_wasm.c patchbay_wasm.h patchbay_plugin.h
        \t$(SWIFTC) -target wasm32-unknown-none-wasm -enable-experimental-feature Embedded -wmo -O -parse-as-library -module-name NAME -import-objc-header patchbay_plugin.h -c -o NAME.o NAME.swift
        \t$(CC) --target=wasm32 -std=c11 -O2 -mbulk-memory -nostdlib -Wl,--no-entry,--strip-all $(EXPORTS) -o $@ NAME.o patchbay_wasm.c

        """

    static let makeSwift = """
        SWIFTC = swiftc
        PATCHBAY = patchbay

        NAME.so: NAME.swift patchbay_plugin.h
        \t$(SWIFTC) -O -parse-as-library -emit-library -static-stdlib -module-name NAME -import-objc-header patchbay_plugin.h -o $@ NAME.swift

        """

    static let makeRust = """
        RUSTC = rustc
        PATCHBAY = patchbay

        NAME.so: NAME.rs
        \t$(RUSTC) --edition 2021 -O -C panic=abort --crate-type cdylib -o $@ NAME.rs

        """

    static let makeTest = """

        # Its examples, hostile records, memory; then the tests of the routes.
        .PHONY: test clean
        test: NAME.so
        \t$(PATCHBAY) plugin test NAME.so
        \t$(PATCHBAY) test routes.yaml
        clean:
        \trm -f NAME.so

        """

    static let routes = """
        # The plugin in use. `patchbay demo --config routes.yaml` runs it on an embedded Kafka.
        version: 1

        plugins:
          - path: NAME.so

        routes:
          - topic: trade-info
            transform: { NAME: { max_bytes: 2000 } }
            type: NAME
            channel: dashboard
            tests:
              - input: '{"a":1}'
                expect:
                  - { channel: dashboard, data: { bytes: 7, record: { a: 1 } } }

        """
}
