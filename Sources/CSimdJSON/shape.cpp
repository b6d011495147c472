// Shapes: which members an object must have, and of what kind.
#include "internal.hpp"

namespace {

using sj::no_slot;

struct Name {
    std::unique_ptr<uint8_t[]> bytes;
    size_t count = 0;
    /// The first 8 bytes, with zeros in place of missing ones.
    uint64_t head = 0;

    bool assign(sj_bytes source) noexcept {
        bytes.reset(new (std::nothrow) uint8_t[source.count + sizeof head]());
        if (!bytes) { return false; }
        if (source.count > 0) { std::memcpy(bytes.get(), source.start, source.count); }
        count = source.count;
        head = sj::word_at(bytes.get(), count, 0);
        return true;
    }

    bool equals(sj_bytes other) const noexcept {
        return count == other.count && sj::equal(bytes.get(), other.start, count);
    }
};

struct Field {
    Name names[2];
    sj_kind kind = SJ_KIND_ANY;
    const sj_shape *nested = nullptr;
    std::unique_ptr<Name[]> words;
    size_t word_count = 0;
};

/// FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/): names are short, and this runs only when the prediction fails.
uint32_t hash_of(sj_bytes name) noexcept {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < name.count; i++) { hash = (hash ^ name.start[i]) * 16777619u; }
    return hash;
}

}  // namespace

struct sj_shape {
    Field fields[SJ_MAXIMUM_FIELDS];
    size_t field_count = 0;
    uint64_t required = 0;
    /// Shapes inside one another, this one included.
    int nesting = 1;
    size_t longest_name = 0;

    /// Open addressing, at most half full: two names a field.
    static constexpr size_t table_size = 4 * SJ_MAXIMUM_FIELDS;
    uint8_t table[table_size];

    sj_shape() noexcept { std::memset(table, no_slot, sizeof table); }

    const Name &name(uint8_t slot) const noexcept { return fields[slot / 2].names[slot % 2]; }

    uint8_t find(sj_bytes wanted) const noexcept {
        if (wanted.count > longest_name) { return no_slot; }
        for (size_t at = hash_of(wanted) % table_size; table[at] != no_slot; at = (at + 1) % table_size) {
            if (name(table[at]).equals(wanted)) { return table[at]; }
        }
        return no_slot;
    }

    void insert(uint8_t slot) noexcept {
        const Name &added = name(slot);
        size_t at = hash_of({added.bytes.get(), added.count}) % table_size;
        while (table[at] != no_slot) { at = (at + 1) % table_size; }
        table[at] = slot;
        if (added.count > longest_name) { longest_name = added.count; }
    }
};

namespace {

struct Check {
    sj_parser &parser;
    sj_failure &failure;

    sj_status fail(sj_status status, uint32_t node) noexcept {
        failure.node = node;
        return status;
    }

    /// Notes on the way out of a failed check which way led in.
    sj_status at(int level, int32_t field, int32_t element, sj_status status) noexcept {
        failure.path[level] = {field, element};
        if (failure.path_length <= level) { failure.path_length = level + 1; }
        return status;
    }

    /// The value as an object of `shape`, at this many steps from the root.
    sj_status object(const sj_shape &shape, uint32_t index, int level) noexcept {
        sj_node *const nodes = parser.nodes.get();
        if (nodes[index].type != SJ_OBJECT) {
            return fail(level == 0 ? SJ_NOT_AN_OBJECT : SJ_WRONG_TYPE, index);
        }
        sj::Prediction &prediction = parser.predictions[level];
        if (prediction.shape != &shape) {
            prediction.shape = &shape;
            std::memset(prediction.slots, no_slot, sizeof prediction.slots);
        }

        uint64_t seen = 0;
        size_t position = 0;
        const uint32_t end = nodes[index].next;
        for (uint32_t i = index + 1; i < end; i = nodes[i].next, position++) {
            sj_node &node = nodes[i];
            const uint8_t slot = find(shape, prediction, position, sj::name_of(parser.document, node));
            if (slot == no_slot) { continue; }
            const int32_t field = slot / 2;
            node.field = int16_t(field);
            const uint64_t bit = uint64_t(1) << field;
            if (seen & bit) { return at(level, field, -1, fail(SJ_DUPLICATE_FIELD, i)); }
            seen |= bit;
            if (node.type == SJ_NULL && !(shape.required & bit)) { continue; }
            int32_t element = -1;
            const sj_status status = value(shape.fields[field], i, level, element);
            if (status != SJ_OK) { return at(level, field, element, status); }
        }
        const uint64_t missing = shape.required & ~seen;
        if (missing != 0) {
            return at(level, int32_t(__builtin_ctzll(missing)), -1, fail(SJ_MISSING_FIELD, SJ_NO_NODE));
        }
        return SJ_OK;
    }

    static uint8_t find(
        const sj_shape &shape, sj::Prediction &prediction, size_t position, sj_bytes name) noexcept {
        if (position >= SJ_MAXIMUM_FIELDS) { return shape.find(name); }
        const uint8_t predicted = prediction.slots[position];
        // A prediction made for a shape that has since died, whose address another took, is a wrong guess at worst.
        if (predicted < 2 * shape.field_count && shape.name(predicted).equals(name)) { return predicted; }
        const uint8_t slot = shape.find(name);
        prediction.slots[position] = slot;
        return slot;
    }

    /// `element` becomes the index of the element at fault, if it is one.
    sj_status value(const Field &field, uint32_t index, int level, int32_t &element) noexcept {
        const sj_node &node = parser.nodes[index];
        switch (field.kind) {
            case SJ_KIND_ANY: return SJ_OK;
            case SJ_KIND_BOOL: return node.type == SJ_BOOL ? SJ_OK : fail(SJ_WRONG_TYPE, index);
            case SJ_KIND_NUMBER: return node.type == SJ_NUMBER ? SJ_OK : fail(SJ_WRONG_TYPE, index);
            case SJ_KIND_COUNT: {
                if (node.type != SJ_NUMBER) { return fail(SJ_WRONG_TYPE, index); }
                const uint8_t *text = parser.document.text + node.offset;
                for (uint32_t i = 0; i < node.length; i++) {
                    if (!sj::is_digit(text[i])) { return fail(SJ_INVALID_VALUE, index); }
                }
                return SJ_OK;
            }
            case SJ_KIND_OBJECT: return object(*field.nested, index, level + 1);
            case SJ_KIND_OBJECTS: {
                if (node.type != SJ_ARRAY) { return fail(SJ_WRONG_TYPE, index); }
                int32_t position = 0;
                for (uint32_t i = index + 1; i < node.next; i = parser.nodes[i].next, position++) {
                    const sj_status status = object(*field.nested, i, level + 1);
                    if (status != SJ_OK) {
                        element = position;
                        return status;
                    }
                }
                return SJ_OK;
            }
            default: break;
        }

        if (node.type != SJ_STRING) { return fail(SJ_WRONG_TYPE, index); }
        const sj_bytes text = sj::padded_string_of(parser, node);
        return holds(field, text) ? SJ_OK : fail(SJ_INVALID_VALUE, index);
    }

    /// Which word it is differs from record to record, so short words are compared without a branch for each.
    static bool is_chosen(const Field &field, sj_bytes text) noexcept {
        bool found = false;
        if (text.count <= sizeof(uint64_t)) {
            const uint64_t head = sj::word_at(text.start, text.count, 0);
            for (size_t i = 0; i < field.word_count; i++) {
                found |= (field.words[i].count == text.count) & (field.words[i].head == head);
            }
            return found;
        }
        for (size_t i = 0; i < field.word_count; i++) { found = found || field.words[i].equals(text); }
        return found;
    }

    /// `text` has padding behind it.
    static bool holds(const Field &field, sj_bytes text) noexcept {
        switch (field.kind) {
            case SJ_KIND_TEXT: return text.count > 0;
            case SJ_KIND_DECIMAL: return sj::is_decimal(text.start, text.count, false);
            case SJ_KIND_SIGNED_DECIMAL: return sj::is_decimal(text.start, text.count, true);
            case SJ_KIND_TIMESTAMP: return sj::is_timestamp(text.start, text.count);
            case SJ_KIND_CHOICE: return is_chosen(field, text);
            default: return true;
        }
    }
};

}  // namespace

extern "C" {

sj_shape *sj_shape_create(void) noexcept { return new (std::nothrow) sj_shape; }

void sj_shape_destroy(sj_shape *shape) noexcept { delete shape; }

bool sj_shape_add_field(
    sj_shape *shape, sj_bytes name, sj_bytes other_name, sj_kind kind, bool is_required, const sj_shape *nested
) noexcept {
    if (shape->field_count == SJ_MAXIMUM_FIELDS) { return false; }
    const bool wants_nested = kind == SJ_KIND_OBJECT || kind == SJ_KIND_OBJECTS;
    if (wants_nested != (nested != nullptr)) { return false; }
    if (nested != nullptr) {
        if (nested->nesting >= SJ_MAXIMUM_NESTING) { return false; }
        if (nested->nesting >= shape->nesting) { shape->nesting = nested->nesting + 1; }
    }
    Field &field = shape->fields[shape->field_count];
    const sj_bytes names[] = {name, other_name};
    for (int spelling = 0; spelling < 2; spelling++) {
        if (names[spelling].count == 0) { return false; }
        if (!field.names[spelling].assign(names[spelling])) { return false; }
        // Names such as `token` may be the same in both spellings.
        if (spelling == 1 && field.names[0].equals(other_name)) { continue; }
        if (shape->find(names[spelling]) != no_slot) { return false; }
        shape->insert(uint8_t(2 * shape->field_count + size_t(spelling)));
    }
    field.kind = kind;
    field.nested = nested;
    if (is_required) { shape->required |= uint64_t(1) << shape->field_count; }
    shape->field_count++;
    return true;
}

bool sj_shape_add_word(sj_shape *shape, sj_bytes word) noexcept {
    if (shape->field_count == 0) { return false; }
    Field &field = shape->fields[shape->field_count - 1];
    if (field.kind != SJ_KIND_CHOICE) { return false; }
    std::unique_ptr<Name[]> words(new (std::nothrow) Name[field.word_count + 1]);
    if (!words || !words[field.word_count].assign(word)) { return false; }
    for (size_t i = 0; i < field.word_count; i++) { words[i] = std::move(field.words[i]); }
    field.words = std::move(words);
    field.word_count++;
    return true;
}

sj_status sj_check(
    sj_parser *parser, const sj_shape *shape, const uint8_t *text, size_t count, sj_failure *failure
) noexcept {
    const sj_status status = sj_read(parser, text, count, failure);
    if (status != SJ_OK) { return status; }
    Check check{*parser, *failure};
    return check.object(*shape, 0, 0);
}

}  // extern "C"
