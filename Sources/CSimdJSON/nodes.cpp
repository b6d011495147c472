// The index of a document: one node per value, built from the positions that simdjson's first stage found.
// simdjson's own tape says what the values are but not where they stand, and where they stand is what passing them on
// byte for byte needs. Both are walked in step, so that each node also knows its place on the tape.
#include "internal.hpp"

namespace {

/// An escape is always longer than what it stands for, so comparing lengths finds them.
bool is_escaped(const sj_parser &p, uint32_t tape, uint32_t raw_length) noexcept {
    return p.has_backslash && sj::tape_string(p, tape).count != raw_length;
}

bool reserve_nodes(sj_parser &p, size_t count) noexcept {
    if (count <= p.node_capacity) { return true; }
    size_t capacity = 64;
    while (capacity < count) { capacity *= 2; }
    p.nodes.reset(new (std::nothrow) sj_node[capacity]);
    p.node_capacity = p.nodes ? capacity : 0;
    p.document.nodes = p.nodes.get();
    return p.nodes != nullptr;
}

}  // namespace

namespace sj {

bool index_document(sj_parser &p) noexcept {
    const auto &implementation = *p.parser.implementation;
    const uint32_t *const structurals = implementation.structural_indexes.get();
    const uint32_t count = implementation.n_structural_indexes;
    // Not the padded copy: in there, huge numbers may have been blanked.
    const uint8_t *const text = p.document.text;
    // Every value but the root has a bracket, comma or colon of its own before it.
    if (!reserve_nodes(p, size_t(count) / 2 + 2)) { return false; }

    p.has_backslash = std::memchr(text, '\\', p.text_count) != nullptr;
    sj_node *const nodes = p.nodes.get();
    OpenContainer *const open = p.open.get();
    uint32_t node_count = 0;
    size_t depth = 0;
    uint32_t tape = 1;  // behind the root word
    uint32_t i = 0;

    // The last byte of the token that ends before structural `next`.
    const auto last_before = [&](uint32_t next) noexcept {
        uint32_t at = (next < count ? structurals[next] : uint32_t(p.text_count)) - 1;
        while (is_space(text[at])) { at--; }
        return at;
    };
    // A name, its colon and the value behind them begin at structural `i`.
    const auto read_name = [&](sj_node &node) noexcept {
        node.name_offset = structurals[i] + 1;
        node.name_length = last_before(i + 1) - node.name_offset;
        node.is_member = true;
        node.has_escaped_name = is_escaped(p, tape, node.name_length);
        tape++;
        i += 2;
    };

    // simdjson has validated the document, so every branch may rely on what the grammar puts next.
    bool is_member = false;
    for (;;) {
        sj_node &node = nodes[node_count];
        if (is_member) {
            read_name(node);
        } else {
            node.name_offset = node.name_length = 0;
            node.is_member = node.has_escaped_name = false;
        }
        const uint32_t at = structurals[i];
        const uint8_t c = text[at];
        node.offset = at;
        node.next = ++node_count;
        node.tape = tape++;
        node.field = SJ_UNKNOWN_FIELD;
        node.has_escaped_value = false;
        i++;
        switch (c) {
            case '"':
                node.type = SJ_STRING;
                node.length = last_before(i) + 1 - at;
                node.has_escaped_value = is_escaped(p, node.tape, node.length - 2);
                break;
            case '{':
            case '[': {
                node.type = c == '{' ? SJ_OBJECT : SJ_ARRAY;
                open[depth++] = {node_count - 1, c == '{'};
                const uint8_t next = text[structurals[i]];
                if (next == '}' || next == ']') { break; }
                is_member = c == '{';
                continue;
            }
            case 't':
                node.type = SJ_BOOL;
                node.length = 4;
                break;
            case 'f':
                node.type = SJ_BOOL;
                node.length = 5;
                break;
            case 'n':
                node.type = SJ_NULL;
                node.length = 4;
                break;
            default:
                node.type = SJ_NUMBER;
                node.length = last_before(i) + 1 - at;
                tape++;  // a number takes two words
        }

        while (depth > 0 && text[structurals[i]] != ',') {
            sj_node &closed = nodes[open[--depth].node];
            closed.length = structurals[i] + 1 - closed.offset;
            closed.next = node_count;
            tape++;
            i++;
        }
        if (depth == 0) { break; }
        is_member = open[depth - 1].is_object;
        i++;  // the comma
    }
    p.document.node_count = node_count;
    return true;
}

}  // namespace sj

extern "C" {

sj_bytes sj_string(const sj_document *document, const sj_node *node) noexcept {
    return sj::string_of(*document, *node);
}

sj_bytes sj_name(const sj_document *document, const sj_node *node) noexcept { return sj::name_of(*document, *node); }

}  // extern "C"
