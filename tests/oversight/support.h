#pragma once
// People with real keys, a real register, and the statements that they sign.
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/data.h"
#include "base/digest.h"
#include "base/ed25519.h"
#include "oversight/docket.h"
#include "state/store.h"

namespace proviso::oversight::test {

inline constexpr UtcSeconds kNow{1795651200};
inline constexpr UtcSeconds kExpires{1795651200 + 600};
inline constexpr const char* kOrigin = "log.example/oversight";

inline PrivateKey key_of(std::string_view name) {
  return PrivateKey::create(sha256(name).view()).value();
}

inline std::string public_line(std::string_view name) {
  return sshsig::format_public_key(key_of(name).public_key(), name);
}

// A signature as a security key makes it (PROTOCOL.u2f): the format is the hardware's, the key a seed.
inline std::string security_key_signature(std::string_view name, std::string_view message, uint8_t flags) {
  const auto put_string = [](std::string& out, std::string_view text) {
    put_u32(out, static_cast<uint32_t>(text.size()));
    out += text;
  };
  const std::string type = "sk-ssh-ed25519@openssh.com";
  std::string blob;
  put_string(blob, type);
  put_string(blob, key_of(name).public_key().raw());
  put_string(blob, "ssh:");
  std::string inner = "SSHSIG";
  put_string(inner, audit::kApprovalNamespace);
  put_string(inner, "");
  put_string(inner, "sha256");
  put_string(inner, sha256(message).view());
  std::string by_key(sha256("ssh:").view());
  put_u8(by_key, flags);
  put_u32(by_key, 7);
  by_key += sha256(inner).view();
  std::string signature;
  put_string(signature, type);
  put_string(signature, key_of(name).sign(by_key));
  put_u8(signature, flags);
  put_u32(signature, 7);
  std::string whole = "SSHSIG";
  put_u32(whole, 1);
  put_string(whole, blob);
  put_string(whole, audit::kApprovalNamespace);
  put_string(whole, "");
  put_string(whole, "sha256");
  put_string(whole, signature);
  return "-----BEGIN SSH SIGNATURE-----\n" + base64_encode(whole) + "\n-----END SSH SIGNATURE-----\n";
}

inline std::string security_key_line(std::string_view name) {
  return sshsig::format_person_key({key_of(name).public_key(), "ssh:"}, name);
}

// ana asks; bo (commander), cy (legal) and di (both) may approve; ed holds no role.
class House {
 public:
  House() {
    store_ = state::Store::open(dir_.file("state.db")).value();
    people_ = identity::Directory::open(*store_).value();
    enter("ana", {"planner", "commander"});
    enter("bo", {"commander"});
    enter("cy", {"legal"});
    enter("di", {"commander", "legal"});
    enter("ed", {});
    docket_ = std::make_unique<Docket>(*people_, kOrigin, 3);
  }

  void enter(const std::string& name, std::vector<std::string> roles) {
    identity::Person person;
    person.id = name;
    person.roles = std::move(roles);
    person.training_until = {4'000'000'000};
    change(people_->plan_person(person));
    if (!people_->approver_key(fingerprint(name))) change(people_->plan_approver_key(name, public_line(name)));
  }
  void change(Result<identity::Change> planned) {
    ASSERT_TRUE(planned) << planned.error().message;
    ASSERT_TRUE(people_->apply(*planned));
  }
  static std::string fingerprint(std::string_view name) {
    return sshsig::PersonKey{key_of(name).public_key(), ""}.fingerprint();
  }

  identity::Directory& people() { return *people_; }
  state::Store& store() { return *store_; }
  Docket& docket() { return *docket_; }

  static HoldPlan plan(const std::string& arguments = R"({"part":"axle","quantity":4})") {
    HoldPlan plan;
    plan.action.verb = exchange::Verb::kAct;
    plan.action.resource_type = "Tool";
    plan.action.resource_id = "order_parts";
    plan.action.requester = "ana";
    plan.action.purpose = "logistics";
    plan.action.arguments = arguments;
    plan.action.agreement = sha256("agreement");
    plan.words = {"Sample, revision 1", {"planner"}, "a tool of class spend", {"3.1 Spending: two offices"}};
    plan.clauses = {"3.1"};
    plan.awaits = {"commander", "legal"};
    plan.exchange = "ex_1";
    return plan;
  }
  // Opened and in the ledger, as far as the docket knows.
  Hold opened(HoldPlan wanted = plan()) {
    Hold hold = docket_->plan_hold(std::move(wanted), kNow, kExpires).value();
    docket_->apply(next_leaf_++, Opened{hold});
    return hold;
  }
  // What `person` would sign, as shown now.
  audit::Approval statement(const std::string& hold, const std::string& person, const std::string& role,
                            bool approves = true) {
    const Showing showing = docket_->show(hold, person, kNow).value();
    audit::Approval approval;
    approval.terms = showing.hold.terms;
    approval.approves = approves;
    approval.role = role;
    approval.reason = "read and understood";
    approval.nonce = showing.nonce;
    approval.shown_at = showing.shown_at;
    approval.decided_at = kNow;
    return approval;
  }
  static std::string sign(const audit::Approval& approval, std::string_view name,
                          std::string_view name_space = audit::kApprovalNamespace) {
    return sshsig::sign(key_of(name), name_space, approval.text());
  }
  Result<Docket::Judged> judge(const audit::Approval& approval, const std::string& person,
                               UtcSeconds now = kNow) {
    return docket_->judge_vote(approval.text(), sign(approval, person), person, now);
  }
  // A whole vote: shown, signed, judged, in the ledger.
  void vote(const std::string& hold, const std::string& person, const std::string& role, bool approves = true) {
    auto judged = judge(statement(hold, person, role, approves), person);
    ASSERT_TRUE(judged) << judged.error().message;
    docket_->apply(next_leaf_++, Voted{judged->hold, judged->vote});
  }
  std::map<std::string, int64_t> counted(const std::string& hold, UtcSeconds now = kNow) {
    return docket_->approvals(docket_->get(hold).value(), now).by_role;
  }

 private:
  proviso::test::TempDir dir_;
  std::unique_ptr<state::Store> store_;
  std::unique_ptr<identity::Directory> people_;
  std::unique_ptr<Docket> docket_;
  uint64_t next_leaf_ = 10;
};

}  // namespace proviso::oversight::test
