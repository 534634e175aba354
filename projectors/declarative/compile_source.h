// From a source of the file to the plan of its decoder.
#pragma once

#include <memory>

#include "common/codec/source_plan.h"
#include "projectors/declarative/expressions.h"

namespace foldline::declarative {

// Fills everything but `paths`, which views go on filling afterwards through the same PathSet.
void compile_envelope(const config::SourceSpec& source, const codec::EnvelopeForm& form, Expressions& expressions, codec::SourcePlan& plan);

// null: the source hides nothing.
std::shared_ptr<const codec::Redaction> compile_redaction(const config::SourceSpec& source, const codec::EnvelopeForm& form,
                                                          const SourceScopes& scopes, Problems& problems);

}  // namespace foldline::declarative
