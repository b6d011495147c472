// The files of the /docs page as constants. web/ is ours; vendor/ is Swagger UI, put there by fetch.sh and not in the
// repository: without it a build still works, and the page says what is missing.

#include "CDocsAssets.h"

#if defined(__clang__)
// C23, which every compiler of this package has; the package as a whole is on an older standard.
#pragma clang diagnostic ignored "-Wc23-extensions"
#endif

#if __has_embed("vendor/swagger-ui-bundle.js") && __has_embed("vendor/swagger-ui.css") && __has_embed("vendor/swagger-ui.LICENSE.txt")
#define HAS_SWAGGER_UI 1
#else
#define HAS_SWAGGER_UI 0
#endif

static const unsigned char index_html[] = {
#embed "web/index.html"
};
static const unsigned char docs_css[] = {
#embed "web/docs.css"
};
static const unsigned char app_js[] = {
#embed "web/app.js"
};
static const unsigned char connection_js[] = {
#embed "web/connection.js"
};
static const unsigned char message_log_js[] = {
#embed "web/message-log.js"
};
static const unsigned char fields_js[] = {
#embed "web/fields.js"
};
static const unsigned char snippets_js[] = {
#embed "web/snippets.js"
};
static const unsigned char reference_js[] = {
#embed "web/reference.js"
};
static const unsigned char icon_svg[] = {
#embed "web/icon.svg"
};

#if HAS_SWAGGER_UI
static const unsigned char swagger_ui_js[] = {
#embed "vendor/swagger-ui-bundle.js"
};
static const unsigned char swagger_ui_css[] = {
#embed "vendor/swagger-ui.css"
};
static const unsigned char swagger_ui_license[] = {
#embed "vendor/swagger-ui.LICENSE.txt"
};
#else
// Something to load all the same: the page links to both, and a missing file would be an error in the browser.
static const unsigned char swagger_ui_js[] = {'\n'};
static const unsigned char swagger_ui_css[] = {'\n'};
static const unsigned char swagger_ui_license[] = {'\n'};
#endif

#define ASSET(file_name, type, bytes) {.name = file_name, .content_type = type, .start = bytes, .count = sizeof(bytes)}

static const struct docs_asset assets[] = {
    ASSET("index.html", "text/html; charset=utf-8", index_html),
    ASSET("docs.css", "text/css; charset=utf-8", docs_css),
    ASSET("app.js", "text/javascript; charset=utf-8", app_js),
    ASSET("connection.js", "text/javascript; charset=utf-8", connection_js),
    ASSET("message-log.js", "text/javascript; charset=utf-8", message_log_js),
    ASSET("fields.js", "text/javascript; charset=utf-8", fields_js),
    ASSET("snippets.js", "text/javascript; charset=utf-8", snippets_js),
    ASSET("reference.js", "text/javascript; charset=utf-8", reference_js),
    ASSET("icon.svg", "image/svg+xml", icon_svg),
    ASSET("swagger-ui-bundle.js", "text/javascript; charset=utf-8", swagger_ui_js),
    ASSET("swagger-ui.css", "text/css; charset=utf-8", swagger_ui_css),
    ASSET("swagger-ui.LICENSE.txt", "text/plain; charset=utf-8", swagger_ui_license),
};

size_t docs_asset_count(void) { return sizeof(assets) / sizeof(assets[0]); }

struct docs_asset docs_asset_at(size_t index) { return assets[index]; }

bool docs_has_swagger_ui(void) { return HAS_SWAGGER_UI; }
