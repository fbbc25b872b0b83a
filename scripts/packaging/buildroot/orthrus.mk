################################################################################
#
# orthrus
#
################################################################################

ORTHRUS_VERSION = 0.1.0
ORTHRUS_SITE = https://github.com/orthrus-luks/orthrus/releases/download/v$(ORTHRUS_VERSION)
ORTHRUS_SOURCE = orthrus-$(ORTHRUS_VERSION).tar.gz
ORTHRUS_LICENSE = Apache-2.0, BSD-3-Clause (vendored modules)
ORTHRUS_LICENSE_FILES = LICENSE NOTICE
ORTHRUS_DEPENDENCIES = host-go

ORTHRUS_INIT = $(if $(BR2_INIT_SYSTEMD),systemd,$(if $(BR2_INIT_OPENRC),openrc,none))

define ORTHRUS_BUILD_CMDS
	$(HOST_GO_TARGET_ENV) $(MAKE) -C $(@D) all GO=$(GO_BIN) VERSION=$(ORTHRUS_VERSION) COMMIT=
endef

define ORTHRUS_INSTALL_TARGET_CMDS
	$(MAKE) -C $(@D) $(if $(BR2_PACKAGE_ORTHRUS_CRYPTSETUP),install-cryptsetup,install) \
		DESTDIR=$(TARGET_DIR) PREFIX=/usr INIT=$(ORTHRUS_INIT) MANIFEST=no
endef

$(eval $(generic-package))
