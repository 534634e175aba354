#include "cmd/foldline/main.h"

int main(int argc, char** argv) { return foldline::run_main(argc, argv); }
