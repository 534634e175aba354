// Documents that are written straight from the folded row, without the row that stands there being taken apart and put together again.
//
//   if (is_straight(layout, row, exists) && (!exists || read_tail_watermarks(source, marks))) append_straight(out, layout, row, marks);
//
// That is so where the batch says all of the document: it is new (or deleted and back), or every field is set. Then of the one before only
// the watermarks count, and they stand at its end. What is written is, byte for byte, what rows::apply() and append_document() make
// (tests/unit/sinks/elasticsearch/straight_test.cpp); whatever is not obvious takes that way.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sinks/elasticsearch/document.h"

namespace foldline::elasticsearch {

// `exists`: there is a document, and it is not a tombstone.
bool is_straight(const ViewLayout& layout, const FoldedRow& row, bool exists);

// Of a document as append_document() ends it, without guards. False: it ends otherwise (a tombstone, another writer); `out` is then nothing
// to rely on. Its strings are used again.
bool read_tail_watermarks(std::string_view source, std::vector<Watermark>& out);

// The row has to be straight. Errors (store_rejected) as those of rows::apply() and append_document(); where several fields don't fit,
// another one of them may be named.
Result<void> append_straight(std::string& out, const ViewLayout& layout, const FoldedRow& row, std::span<const Watermark> watermarks);

}  // namespace foldline::elasticsearch
