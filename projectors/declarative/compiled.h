// A projection file, compiled: one decoder plan and one projector plan per source, the views' schemas, and the order proof.
//
//   Diagnostics d;
//   auto plan = compile(file, d);                       // std::shared_ptr<const CompiledProjection>, null when d.has_errors()
//   auto decoder = make_decoder(plan, source_index);    // one per lane and source
//   auto projector = make_projector(plan);              // one per lane
//
// Immutable after compile(): lanes share it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/codec/decoder.h"
#include "common/view.h"
#include "config/diagnostics.h"
#include "config/projection_file.h"
#include "projectors/projector.h"

namespace foldline::declarative {

struct CompiledSource;  // projectors/declarative/plan.h

struct CompiledProjection {
  config::ProjectionFile file;
  std::vector<ViewSchema> views;
  std::vector<std::shared_ptr<const CompiledSource>> sources;  // as file.sources
  // How the order of each view's events was proven, for `lint --explain VIEW`.
  std::vector<std::string> order_proofs;
};

// Checks every name and type, proves the order (language.md "What lint proves about order"), compiles. All errors at once.
std::shared_ptr<const CompiledProjection> compile(const config::ProjectionFile& file, config::Diagnostics& diagnostics);

std::unique_ptr<Decoder> make_decoder(const std::shared_ptr<const CompiledProjection>& projection, std::size_t source);
// Answers a record's value with the source's `redact` paths as ***, or nothing when it can't be read (then a letter may only hold the
// position). An empty function: the source hides nothing. Errors of the decoder and the projector are scrubbed already.
// Threads: any.
std::function<std::optional<std::string>(std::string_view value)> make_redactor(const std::shared_ptr<const CompiledProjection>& projection,
                                                                                std::size_t source);
std::unique_ptr<Projector> make_projector(const std::shared_ptr<const CompiledProjection>& projection);

}  // namespace foldline::declarative
