// One include for Catch2 2.13 (Debian 12) and Catch2 3.
#pragma once
#ifdef QKDFLOW_CATCH2_V2
#include <catch2/catch.hpp>
#else
#include <catch2/catch_all.hpp>
using Catch::Approx;
#endif
