#ifndef PATCHBAY_CDOCSASSETS_H
#define PATCHBAY_CDOCSASSETS_H

#include <stdbool.h>
#include <stddef.h>

/// One file of the /docs page, inside the program. All pointers are to constants.
struct docs_asset {
    /// Without a folder, such as "docs.css".
    const char *_Nonnull name;
    const char *_Nonnull content_type;
    const unsigned char *_Nonnull start;
    size_t count;
};

/// How many there are.
size_t docs_asset_count(void);

/// The one of that number, which must be below docs_asset_count().
struct docs_asset docs_asset_at(size_t index);

/// Whether Swagger UI was there when this was compiled.
bool docs_has_swagger_ui(void);

#endif
