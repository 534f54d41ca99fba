#include "sandbox/sandbox.h"

#include <gtest/gtest.h>

TEST(Sandbox, Probe) {
  using namespace proviso::sandbox;
  char dir[] = "/tmp/proviso-test-XXXXXX";
  ASSERT_NE(mkdtemp(dir), nullptr);
  Spec spec;
  spec.launcher = PV_LAUNCHER;
  spec.program = PV_CHILD;
  spec.scratch = dir;
  auto p = Prepared::create(spec);
  ASSERT_TRUE(p.has_value()) << p.error().message;
  auto r = probe(*p);
  ASSERT_TRUE(r.has_value()) << r.error().message;
  printf("%s\n", r->text().c_str());
}
