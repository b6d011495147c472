// The index of a document: one node per value, built from the positions that simdjson's first stage found.
// simdjson's own tape says what the values are but not where they stand, and where they stand is what passing them on
// byte for byte needs. Both are walked in step, so that each node also knows its place on the tape.
#include "internal.hpp"

namespace {

uint32_t tape_string_length(const sj_parser &p, uint32_t tape) noexcept {
    uint32_t length;
    const auto at = p.parser.doc.tape[tape] & simdjson::internal::JSON_VALUE_MASK;
    std::memcpy(&length, &p.parser.doc.string_buf[at], sizeof length);
    return length;
}

/// An escape is always longer than what it stands for, so comparing lengths finds them.
bool is_escaped(const sj_parser &p, uint32_t tape, uint32_t raw_length) noexcept {
    return p.has_backslash && tape_string_length(p, tape) != raw_length;
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

    sj_node *const nodes = p.nodes.get();
    OpenContainer *const open = p.open.get();
    uint32_t node_count = 0;
    size_t depth = 0;
    uint32_t tape = 1;  // behind the root word
    bool expects_name = false;
    bool has_name = false;
    uint32_t name_offset = 0, name_length = 0;
    bool has_escaped_name = false;

    // The last byte of the token that ends before structural `i`.
    const auto last_before = [&](uint32_t i) noexcept {
        uint32_t at = (i < count ? structurals[i] : uint32_t(p.text_count)) - 1;
        while (is_space(text[at])) { at--; }
        return at;
    };

    for (uint32_t i = 0; i < count; i++) {
        const uint32_t at = structurals[i];
        const uint8_t c = text[at];
        switch (c) {
            case ',':
                expects_name = open[depth - 1].is_object;
                continue;
            case '}':
            case ']': {
                sj_node &node = nodes[open[--depth].node];
                node.length = at + 1 - node.offset;
                node.next = node_count;
                tape++;
                expects_name = false;
                continue;
            }
            default: break;
        }
        if (expects_name) {
            name_offset = at + 1;
            name_length = last_before(i + 1) - name_offset;
            has_escaped_name = is_escaped(p, tape, name_length);
            has_name = true;
            expects_name = false;
            tape++;
            i++;  // the colon
            continue;
        }

        sj_node &node = nodes[node_count];
        node.offset = at;
        node.name_offset = has_name ? name_offset : 0;
        node.name_length = has_name ? name_length : 0;
        node.is_member = has_name;
        node.has_escaped_name = has_name && has_escaped_name;
        node.has_escaped_value = false;
        node.next = node_count + 1;
        node.tape = tape;
        node.field = SJ_UNKNOWN_FIELD;
        has_name = false;
        tape++;
        switch (c) {
            case '{':
            case '[':
                node.type = c == '{' ? SJ_OBJECT : SJ_ARRAY;
                node.length = 0;
                open[depth++] = {node_count, c == '{'};
                // An empty object's brace would be taken for a name.
                expects_name = c == '{' && text[structurals[i + 1]] != '}';
                break;
            case '"':
                node.type = SJ_STRING;
                node.length = last_before(i + 1) + 1 - at;
                node.has_escaped_value = is_escaped(p, node.tape, node.length - 2);
                break;
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
                node.length = last_before(i + 1) + 1 - at;
                tape++;  // a number takes two words
        }
        node_count++;
    }
    p.document.node_count = node_count;
    return true;
}

}  // namespace sj

extern "C" {

static sj_bytes tape_string(const sj_document *document, uint32_t tape) noexcept {
    const auto &doc = document->parser->parser.doc;
    const uint8_t *start = &doc.string_buf[doc.tape[tape] & simdjson::internal::JSON_VALUE_MASK];
    return {start + sizeof(uint32_t), tape_string_length(*document->parser, tape)};
}

sj_bytes sj_string(const sj_document *document, const sj_node *node) noexcept {
    if (node->has_escaped_value) { return tape_string(document, node->tape); }
    return {document->text + node->offset + 1, node->length - 2};
}

sj_bytes sj_name(const sj_document *document, const sj_node *node) noexcept {
    if (node->has_escaped_name) { return tape_string(document, node->tape - 1); }
    return {document->text + node->name_offset, node->name_length};
}

}  // extern "C"
