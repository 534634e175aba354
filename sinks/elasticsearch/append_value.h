// Values and the hidden object as JSON of a document; what document_write.cpp and straight.cpp share. See document.h for the forms.
#pragma once

#include <span>
#include <string>

#include "sinks/elasticsearch/document.h"

namespace foldline::elasticsearch {

// An error (store_rejected): JSON can't hold it.
Result<void> append_value(std::string& out, const Value& value);
// "_foldline":{...}
void append_hidden(std::string& out, std::span<const Watermark> watermarks, std::span<const std::string> guards);

}  // namespace foldline::elasticsearch
