#include "apps/verbs.h"
namespace deeplab::apps { int evaluate(const Arguments&) { return 1; } }
