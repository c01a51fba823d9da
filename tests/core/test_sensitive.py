"""R2 and R3: what must not be collected is found under its many names, and our own fields are not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.reporting.event_types import FIELDS_BY_TYPE
from app.core.reporting.sensitive import _TOPICS, sensitive_topic

NAMES = {
    "religion": "religion Religion RELIGIONS isReligious religion_2 citizenFaith citizen-faith patientreligion 宗教 宗教信仰 客户宗教 zongjiao zongjiao_xinyang 教會",
    "ethnicity": "ethnicity ethnic_group race Races nationality 民族 種族 minzu min_zu guoJi",
    "genes": "gene genes genome dna DNATest 基因 jiyin geneticRisk",
    "fingerprints": "fingerprint finger_print fingerPrints right_thumbprint 指纹 zhiwen",
    "blood type": "blood blood_type bloodType bloodtype BLOOD_GROUP 血型 xuexing xue_xing",
    "health": "health health_score illnesses diagnosis diagnoses medical_history hiv disability pregnant 疾病 病史 病歷 jibing bingshi",
    "politics": "politics political_view party_member voter votes opinion 党员 政治面貌 zhengzhimianmao",
    "trade unions": "union union_member tradeUnion unions 工会 工會 gonghui",
    "biometrics": "biometric biometrics face_scan iris voiceprint 人脸 renlian",
    "sex": "sex Gender sexual_orientation female 性别 性別 xingbie",
    "marital status": "marital_status maritalStatus married divorced spouse_name 婚姻状况 配偶 hunyin_zhuangkuang",
    "purchases": "purchase purchases purchased_items merchant_name browser_history 购物 消费记录 gouwu",
    "social graph": "social_graph socialGraph friend friends follower_count contact_list wechat 好友 通讯录 tongxunlu families",
    "location": "location gps gpsLat latitude home_address geoHash 位置 行踪 dingwei whereabouts",
    "income": "income Income_minor monthlySalary wages 收入 工资 shouru gong_zi",
    "deposits": "deposit deposits deposit_minor savings cash_balance 存款 cunkuan",
    "securities": "security securities stocks bondHoldings portfolio 证券 股票 gupiao",
    "commercial insurance": "insurance life_insurance insured 保险 baoxian",
    "real property": "property properties property_value realEstate house 不动产 房产 fangchan",
    "tax paid": "tax taxes tax_paid taxPaid_minor tax_amount 纳税 税额 nashui",
}  # fmt: skip
R3 = {"income", "deposits", "securities", "commercial insurance", "real property", "tax paid"}


@pytest.mark.parametrize(
    ("topic", "name"), [(topic, name) for topic, names in NAMES.items() for name in names.split()]
)
def test_sensitive_names_are_found(topic, name):
    found = sensitive_topic(name)
    assert found is not None
    assert found.topic == topic
    assert found.rule == ("R3" if topic in R3 else "R2")
    assert found.article.startswith("Decree 631 art. 14 (2)" if topic in R3 else "Decree 631 art. 14 (1)")


def test_every_topic_of_the_rules_is_listed():
    assert {words.topic.topic for words in _TOPICS} == set(NAMES)


@pytest.mark.parametrize("words", _TOPICS, ids=lambda words: words.topic.topic)
def test_every_listed_word_is_found_in_its_own_topic(words):
    listed = f"{words.english} {words.chinese} {words.pinyin}".split()
    assert len(listed) == len(set(listed))
    for word in listed:
        for shape in (
            word,
            word.upper(),
            f"x_{word}",
            f"{word}_2",
            f"my{word.title()}",
            word if word.endswith("s") else f"{word}s",
        ):
            assert sensitive_topic(shape) == words.topic, shape


def test_none_of_our_own_names_is_hit():
    for kind, fields in FIELDS_BY_TYPE.items():
        for name in {kind, *fields}:
            assert sensitive_topic(name) is None, name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "_",
        "contrast",
        "reunion",
        "unit",
        "sextant",
        "shoe_size",
        "latest",
        "geared",
        "interface",
        "bonded",
        "staxe",
        "数据",
        "金额",
    ],
)
def test_other_names_are_not_hit(name):
    assert sensitive_topic(name) is None


def test_wide_letters_accents_and_length():
    assert sensitive_topic("ｒｅｌｉｇｉｏｎ").topic == "religion"
    assert sensitive_topic("réligion").topic == "religion"
    assert sensitive_topic("x_" * 1000 + "religion") is None  # judged by its first 256 characters


@given(st.text(max_size=300))
def test_any_text_has_an_answer(name):
    topic = sensitive_topic(name)
    assert topic is None or topic.rule in ("R2", "R3")
