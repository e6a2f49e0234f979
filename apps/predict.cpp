#include "apps/verbs.h"
namespace deeplab::apps { int predict(const Arguments&) { return 1; } }
