// The whole command line as a function, for programs that bring their own main().
#pragma once

namespace foldline {

int run_main(int argc, char** argv);

}  // namespace foldline
